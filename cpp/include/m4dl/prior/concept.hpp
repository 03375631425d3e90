// What a prior is: a map theta = T(xi) of white noise xi ~ N(0, I), with its derivative's adjoint.
// Kernels sample in white space and know no prior.
#pragma once

#include <concepts>

#include "m4dl/base/block.hpp"

namespace m4dl {

template <class P>
concept WhiteNoiseMap =
    requires(const P& prior, typename P::Workspace& work, const Block& in, Block& out) {
        { prior.white() } -> std::convertible_to<Index>;       // rows of xi
        { prior.parameters() } -> std::convertible_to<Index>;  // rows of theta
        { prior.workspace() } -> std::same_as<typename P::Workspace>;
        prior.push(in, out, work);     // theta = T(xi)
        prior.pull(in, out, work);     // dxi = T'(xi)* dtheta at the xi of the last push
        prior.tangent(in, out, work);  // dtheta = T'(xi) dxi
    };

}  // namespace m4dl
