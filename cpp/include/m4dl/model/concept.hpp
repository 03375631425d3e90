// What a forward map is. A model is a plain class that satisfies ForwardModel; `forward` leaves in
// its workspace whatever `pull` and `push` need, so a gradient costs one more triangular solve.
#pragma once

#include <concepts>

#include "m4dl/base/block.hpp"

namespace m4dl {

// The chains of one block: numbers first .. first+count-1 ride in lanes 0 .. count-1.
struct Chains {
    Index first = 0, count = kLanes;
};

template <class M>
concept ForwardModel =
    requires(const M& model, typename M::Workspace& work, const Block& theta, Block& y) {
        { model.parameters() } -> std::convertible_to<Index>;  // D: rows of theta
        { model.outputs() } -> std::convertible_to<Index>;     // m: rows of y
        { model.workspace(Chains{}) } -> std::same_as<typename M::Workspace>;
        model.forward(theta, y, work);  // y = G(theta); a failed solve makes its lane NaN
    };

// dtheta = G'(theta)* dy at the theta of the last `forward`.
template <class M>
concept HasPull = requires(const M& model, typename M::Workspace& work, const Block& dy,
                           Block& dtheta) { model.pull(dy, dtheta, work); };

// dy = G'(theta) dtheta at the theta of the last `forward`.
template <class M>
concept HasPush = requires(const M& model, typename M::Workspace& work, const Block& dtheta,
                           Block& dy) { model.push(dtheta, dy, work); };

}  // namespace m4dl
