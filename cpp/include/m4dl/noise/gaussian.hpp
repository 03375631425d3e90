// Independent Gaussian noise: 1/2 sum_i ((y_i - data_i) / sigma_i)^2.
#pragma once

#include <limits>

#include "m4dl/base/require.hpp"
#include "m4dl/noise/concept.hpp"

namespace m4dl {

class GaussianNoise {
public:
    explicit GaussianNoise(const Vector& std) : precision_(std.array().square().inverse()) {
        require(std.size() > 0, "noise must have entries");
        require(precision_.allFinite(), "noise is too small: 1/std^2 overflows");
        require(precision_.minCoeff() >= std::numeric_limits<double>::min(),
                "noise is too large: 1/std^2 vanishes");
    }

    Index size() const { return precision_.size(); }
    const Vector& precision() const { return precision_; }

    struct Workspace {};
    Workspace workspace() const { return {}; }

    Lanes misfit(const Block& y, const Block& data, Workspace&) const {
        Lanes sum = Lanes::Zero();
        for (Index i = 0; i < y.rows(); ++i)
            sum += precision_[i] * (y.row(i) - data.row(i)).square();
        return 0.5 * sum;
    }
    void slope(const Block& y, const Block& data, Block& out, Workspace&) const {
        for (Index i = 0; i < y.rows(); ++i) out.row(i) = precision_[i] * (y.row(i) - data.row(i));
    }
    void fisher(Block& out, Workspace&) const { out.colwise() *= precision_.array(); }

private:
    Vector precision_;
};

static_assert(Likelihood<GaussianNoise>);

}  // namespace m4dl
