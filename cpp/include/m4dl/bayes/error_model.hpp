// What a coarse model leaves out, as noise: y = G(xi) + B + noise with B ~ N(b, Gamma), where
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

#include "m4dl/base/require.hpp"
#include "m4dl/linalg/tall_matrix.hpp"

namespace m4dl {

class ErrorModel {
public:
    ErrorModel(Vector mean, const Matrix& basis, Vector weight)
        : mean_(std::move(mean)), weight_(std::move(weight)), basis_(basis) {
        require(basis.rows() == mean_.size() && basis.cols() == weight_.size(), "basis must be (",
                mean_.size(), ", ", weight_.size(), "), got (", basis.rows(), ", ", basis.cols(),
                ")");
    }

    Index outputs() const { return mean_.size(); }
    const Vector& mean() const { return mean_; }
    Block workspace() const { return Block::Zero(basis_.padded_cols(), kLanes); }

    // sum_j w_j (u_j' r)^2, and along = U' r.
    Lanes explained(const Block& r, Block& along) const {
        Lanes sum = Lanes::Zero();
        if (weight_.size() == 0) return sum;
        basis_.transpose_times(r, along);
        for (Index j = 0; j < weight_.size(); ++j) sum += weight_[j] * along.row(j).square();
        return sum;
    }
    // g -= U diag(w) along, which is then spent.
    void subtract_explained(Block& along, Block& g) const {
        if (weight_.size() == 0) return;
        for (Index j = 0; j < weight_.size(); ++j) along.row(j) *= -weight_[j];
        basis_.add_times(along, g);
    }

private:
    Vector mean_, weight_;
    TallMatrix basis_;
};

}  // namespace m4dl
