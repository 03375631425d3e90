// A change of white noise: xi = m + C^{1/2} z with z ~ N(0, I) a priori in place of xi. A kernel on z
// proposes with covariance C around m and knows neither; its potential is
//
//     Psi(z) = Phi(xi(z)) + |xi(z)|^2/2 - |z|^2/2,
//
// so that exp(-Psi(z)) N(z; 0, I) is the target at xi(z), up to the constant det C^{1/2}. pCN on z is
// pCN reversible for N(m, C) (Rudolf, Sprungk, Found. Comput. Math. 2018; Pinski, Simpson, Stuart,
// Weber, SIAM J. Sci. Comput. 2015); if the posterior is that Gaussian, Psi is constant.
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"
#include "m4dl/linalg/tall_matrix.hpp"

namespace m4dl {

// C = diag(variance), or I + V diag(variance - 1) V' with orthonormal columns V. Any matrix will do
// as V: the map is then a change of variables all the same, only C is another.
class Reference {
public:
    explicit Reference(const Vector& variance)
        : centre_(Vector::Zero(variance.size())), root_(variance.cwiseSqrt()) {}

    Reference(Vector centre, const Matrix& basis, const Vector& variance)
        : centre_(std::move(centre)), basis_(basis) {
        require(basis.rows() == white() && basis.cols() == variance.size(), "basis must be (",
                white(), ", ", variance.size(), "), got (", basis.rows(), ", ", basis.cols(), ")");
        stretch_ = variance.cwiseSqrt().array() - 1.0;
        shrink_ = variance.cwiseSqrt().cwiseInverse().array() - 1.0;
    }

    Index white() const { return centre_.size(); }
    bool diagonal() const { return root_.size() > 0; }

    struct Workspace {
        Block coefficients;  // of the columns of V
    };
    Workspace workspace() const { return {Block::Zero(basis_.padded_cols(), kLanes)}; }

    // xi = m + C^{1/2} z.
    void push(const Block& z, Block& xi, Workspace& w) const {
        for_rows(z.rows(), [&](Index k) { xi.row(k) = centre_[k] + root(k) * z.row(k); });
        add_low_rank(stretch_, z, xi, w);
    }
    // g <- C^{1/2} g.
    void pull(Block& g, Workspace& w) const {
        if (diagonal())
            for_rows(g.rows(), [&](Index k) { g.row(k) *= root_[k]; });
        else
            add_low_rank(stretch_, g, g, w);
    }
    // xi <- C^{-1/2} (xi - m).
    void invert(Block& xi, Workspace& w) const {
        for_rows(xi.rows(), [&](Index k) { xi.row(k) = (xi.row(k) - centre_[k]) / root(k); });
        if (!diagonal()) add_low_rank(shrink_, xi, xi, w);
    }

private:
    double root(Index k) const { return diagonal() ? root_[k] : 1.0; }

    // out += V diag(factor) V' in; out may be in.
    void add_low_rank(const Vector& factor, const Block& in, Block& out, Workspace& w) const {
        if (basis_.cols() == 0) return;
        basis_.transpose_times(in, w.coefficients);
        for (Index j = 0; j < basis_.cols(); ++j) w.coefficients.row(j) *= factor[j];
        basis_.add_times(w.coefficients, out);
    }

    Vector centre_, root_;
    TallMatrix basis_;
    Vector stretch_, shrink_;
};

// |xi|^2/2 - |z|^2/2, summed without cancellation.
inline Lanes excess(const Block& xi, const Block& z) {
    return 0.5 * sum_rows(z.rows(), [&](Index k) -> Lanes {
               return (xi.row(k) - z.row(k)) * (xi.row(k) + z.row(k));
           });
}

}  // namespace m4dl
