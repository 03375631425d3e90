// Gaussian fields through a sparse factor, the way of stochastic PDEs (Lindgren, Rue, Lindstroem,
// J. R. Stat. Soc. B 2011):
//
//     theta = mean + scale * (A^{-1} M)^repeats B xi,
//
// A sparse and positive definite, M diagonal; B = A^{-1} D for a sparse D, or B = L^{-T} with
// A = L L', which is the half power: its covariance is A^{-1}.
//
// A Matern field (kappa^2 - Lap)^{alpha/2} theta = tau W has A = kappa^2 M + S (M lumped mass,
// S stiffness): alpha even takes D = M^{1/2} and alpha/2 - 1 repeats, alpha odd the half power
// and (alpha - 1)/2 repeats.
#pragma once

#include <memory>
#include <optional>

#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/sparse_rows.hpp"
#include "m4dl/prior/concept.hpp"

namespace m4dl {

class SparsePrior {
public:
    struct Workspace {
        Block field, scratch;
    };

    // `values`: entries of A on `pattern`; no `noise` factor D means the half power. Factoring
    // fails with an exception when A is not positive definite.
    SparsePrior(const LowerPattern& pattern, const Vector& values, const Matrix& coordinates,
                std::optional<SparseRows> noise, Vector mass, Index repeats, Vector scale,
                Vector mean)
        : factor_(std::make_shared<Symbolic>(analyse(pattern, coordinates))),
          noise_(std::move(noise)),
          mass_(std::move(mass)),
          repeats_(repeats),
          scale_(std::move(scale)),
          mean_(std::move(mean)) {
        const Index n = pattern.size;
        require(values.size() == pattern.nonzeros(), "A has ", values.size(), " values for ",
                pattern.nonzeros(), " entries");
        require(!noise_ || noise_->rows() == n, "D must have ", n, " rows");
        require(mass_.size() == n && scale_.size() == n && mean_.size() == n,
                "mass, scale and mean must have ", n, " entries");
        factor_.factor(values.data());
        require(!factor_.failed().isNaN().any(), "A must be positive definite");
    }

    Index white() const { return noise_ ? noise_->columns() : parameters(); }
    Index parameters() const { return mean_.size(); }
    Workspace workspace() const {
        return {Block::Zero(parameters(), kLanes), Block::Zero(parameters(), kLanes)};
    }
    void push(const Block& xi, Block& theta, Workspace& w) const {
        tangent(xi, theta, w);
        theta.colwise() += mean_.array();
    }
    void tangent(const Block& dxi, Block& dtheta, Workspace& w) const {
        if (noise_) {
            noise_->times(dxi, dtheta);
            factor_.solve(dtheta, w.scratch);
        } else {
            dtheta = dxi;
            factor_.half_solve(dtheta, w.scratch);
        }
        for (Index k = 0; k < repeats_; ++k) {
            dtheta.colwise() *= mass_.array();
            factor_.solve(dtheta, w.scratch);
        }
        dtheta.colwise() *= scale_.array();
    }
    void pull(const Block& dtheta, Block& dxi, Workspace& w) const {
        w.field = dtheta.colwise() * scale_.array();
        for (Index k = 0; k < repeats_; ++k) {
            factor_.solve(w.field, w.scratch);
            w.field.colwise() *= mass_.array();
        }
        if (noise_) {
            factor_.solve(w.field, w.scratch);
            dxi.setZero();
            noise_->add_transposed_times(w.field, dxi);
        } else {
            factor_.half_solve_adjoint(w.field, w.scratch);
            dxi = w.field;
        }
    }

private:
    Cholesky<1> factor_;
    std::optional<SparseRows> noise_;
    Vector mass_;
    Index repeats_;
    Vector scale_, mean_;
};

static_assert(WhiteNoiseMap<SparsePrior>);

}  // namespace m4dl
