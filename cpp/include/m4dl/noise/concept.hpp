// What noise is to a posterior: -log p(data | y), its slope in y, and the Fisher information there.
// Lane by lane; a NaN in y gives a NaN.
#pragma once

#include <concepts>

#include "m4dl/base/block.hpp"

namespace m4dl {

template <class N>
concept Likelihood = requires(const N& noise, typename N::Workspace& w, const Block& y,
                              const Block& data, Block& out) {
    { noise.size() } -> std::convertible_to<Index>;  // of the data
    { noise.workspace() } -> std::same_as<typename N::Workspace>;
    { noise.misfit(y, data, w) } -> std::same_as<Lanes>;  // up to a constant
    noise.slope(y, data, out, w);  // out = its derivative in y, at the last misfit
    noise.fisher(out, w);          // out <- I(y) out there
};

}  // namespace m4dl
