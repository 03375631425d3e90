// Gaussian priors with a dense or diagonal factor: theta = mean + L xi, or mean + std * xi.
#pragma once

#include "m4dl/base/require.hpp"
#include "m4dl/prior/concept.hpp"

namespace m4dl {

class DensePrior {
public:
    struct Workspace {};

    // `factor`: (parameters, white); the covariance is factor factor'.
    DensePrior(Vector mean, Matrix factor) : mean_(std::move(mean)), factor_(std::move(factor)) {
        require(mean_.size() == factor_.rows(), "mean must have ", factor_.rows(), " entries, got ",
                mean_.size());
    }

    Index white() const { return factor_.cols(); }
    Index parameters() const { return factor_.rows(); }
    Workspace workspace() const { return {}; }
    void push(const Block& xi, Block& theta, Workspace& w) const {
        tangent(xi, theta, w);
        theta.colwise() += mean_.array();
    }
    void pull(const Block& dtheta, Block& dxi, Workspace&) const {
        dxi.matrix().noalias() = factor_.transpose() * dtheta.matrix();
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace&) const {
        dtheta.matrix().noalias() = factor_ * dxi.matrix();
    }

private:
    Vector mean_;
    Matrix factor_;
};

class DiagonalPrior {
public:
    struct Workspace {};

    DiagonalPrior(Vector mean, Vector std) : mean_(std::move(mean)), std_(std::move(std)) {
        require(mean_.size() == std_.size(), "mean must have ", std_.size(), " entries, got ",
                mean_.size());
    }

    Index white() const { return mean_.size(); }
    Index parameters() const { return mean_.size(); }
    Workspace workspace() const { return {}; }
    void push(const Block& xi, Block& theta, Workspace&) const {
        for (Index k = 0; k < xi.rows(); ++k) theta.row(k) = std_[k] * xi.row(k) + mean_[k];
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const { tangent(dtheta, dxi, w); }
    void tangent(const Block& dxi, Block& dtheta, Workspace&) const {
        for (Index k = 0; k < dxi.rows(); ++k) dtheta.row(k) = std_[k] * dxi.row(k);
    }

private:
    Vector mean_, std_;
};

static_assert(WhiteNoiseMap<DensePrior> && WhiteNoiseMap<DiagonalPrior>);

}  // namespace m4dl
