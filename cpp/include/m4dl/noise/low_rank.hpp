// Gaussian noise of covariance Sigma + Gamma, Sigma diagonal. What a coarse model leaves out is such
// noise: y = G(xi) + B + noise with B ~ N(b, Gamma), where
//
//     Gamma = Sigma U diag(d) U' Sigma,    U' Sigma U = I,
//
// so that by Woodbury, with w = d/(1 + d) and r = G + b - y,
//
//     r' (Sigma + Gamma)^{-1} r = r' Sigma^{-1} r - sum_j w_j (u_j' r)^2.
//
// One for all chains; a product with U is all that it costs a solve (Cui, Fox, O'Sullivan, Water Resour.
// Res. 2011, sec. 3; Kaipio, Somersalo 2007).
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/linalg/tall_matrix.hpp"
#include "m4dl/noise/gaussian.hpp"

namespace m4dl {

// b, U and w.
struct ErrorModel {
    Vector mean;
    TallMatrix basis;
    Vector weight;

    ErrorModel(Vector b, const Matrix& u, Vector w)
        : mean(std::move(b)), basis(u), weight(std::move(w)) {
        require(u.rows() == mean.size() && u.cols() == weight.size(), "basis must be (",
                mean.size(), ", ", weight.size(), "), got (", u.rows(), ", ", u.cols(), ")");
    }
};

class LowRankNoise {
public:
    LowRankNoise(GaussianNoise diagonal, const ErrorModel& error)
        : diagonal_(std::move(diagonal)), basis_(error.basis), weight_(error.weight) {}

    Index size() const { return diagonal_.size(); }

    struct Workspace {
        Block residual;
        Block along;  // U' r
        GaussianNoise::Workspace diagonal;
    };
    Workspace workspace() const {
        return {zeros(size()), Block::Zero(basis_.padded_cols(), kLanes), diagonal_.workspace()};
    }

    Lanes misfit(const Block& y, const Block& data, Workspace& w) const {
        for_rows(y.rows(), [&](Index i) { w.residual.row(i) = y.row(i) - data.row(i); });
        return diagonal_.misfit(y, data, w.diagonal) - 0.5 * explained(w.residual, w);
    }
    void slope(const Block& y, const Block& data, Block& out, Workspace& w) const {
        diagonal_.slope(y, data, out, w.diagonal);
        subtract_explained(out, w);
    }
    void fisher(Block& out, Workspace& w) const {
        explained(out, w);
        diagonal_.fisher(out, w.diagonal);
        subtract_explained(out, w);
    }

private:
    // sum_j w_j (u_j' r)^2, and along = U' r.
    Lanes explained(const Block& r, Workspace& w) const {
        Lanes sum = Lanes::Zero();
        if (weight_.size() == 0) return sum;
        basis_.transpose_times(r, w.along);
        for (Index j = 0; j < weight_.size(); ++j) sum += weight_[j] * w.along.row(j).square();
        return sum;
    }
    // g -= U diag(w) along, which is then spent.
    void subtract_explained(Block& g, Workspace& w) const {
        if (weight_.size() == 0) return;
        for (Index j = 0; j < weight_.size(); ++j) w.along.row(j) *= -weight_[j];
        basis_.add_times(w.along, g);
    }

    GaussianNoise diagonal_;
    TallMatrix basis_;
    Vector weight_;
};

static_assert(Likelihood<LowRankNoise>);

}  // namespace m4dl
