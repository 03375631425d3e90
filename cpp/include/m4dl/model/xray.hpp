// X-ray transform: the integrals of a field over rays, I f (x, v) = int_0^tau f(x + t v) dt.
// Two Gauss points a step integrate cubic polynomials exactly, so steps that end where a ray leaves a
// cell make the transform of a piecewise linear or bilinear field exact.
#pragma once

#include "m4dl/model/linear.hpp"
#include "m4dl/model/paths.hpp"

namespace m4dl {

class XRay : public SparseLinearModel {
public:
    explicit XRay(const Paths& paths) : SparseLinearModel(paths.integrals(gauss_weights(paths))) {}

private:
    static std::vector<double> gauss_weights(const Paths& paths) {
        std::vector<double> scale;
        scale.reserve(static_cast<std::size_t>(Paths::kPoints * paths.steps()));
        for (Index k = 0; k < paths.steps(); ++k)
            scale.insert(scale.end(), Paths::kPoints, 0.5 * paths.width(k));
        return scale;
    }
};

static_assert(ForwardModel<XRay> && HasPull<XRay> && HasPush<XRay>);

}  // namespace m4dl
