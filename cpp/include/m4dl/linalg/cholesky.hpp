// Sparse Cholesky factorisation P A P' = L L' over lanes: every number of the factor is one number
// per chain, so a scalar multifrontal code is already vectorised and needs no BLAS.
//
// L L' rather than L D L': the square root of a negative pivot is a NaN, which spreads through the
// lane by itself; a lane whose matrix is not positive definite solves to NaN and disturbs no other.
#pragma once

#include <memory>
#include <span>

#include "m4dl/linalg/symbolic.hpp"

namespace m4dl {

// `Width` numbers per entry: kLanes (one matrix per chain) or 1 (one matrix shared by all chains).
template <Index Width>
class Cholesky {
public:
    explicit Cholesky(std::shared_ptr<const Symbolic> symbolic);

    // `values`: the entries of the lower triangle in the order of the pattern, (nonzeros, Width).
    // With one matrix per chain, each right-hand side in `rhs` (size, kLanes), rows in the order of
    // elimination, becomes L^{-1} times itself in the same sweep; `half_solve` completes the solve.
    void factor(const double* values, std::span<double* const> rhs = {});

    // x := A^{-1} x, in the original order of the unknowns. `scratch` is overwritten.
    void solve(Block& x, Block& scratch) const;
    // x := L^{-T} x with the rows of x in the order of elimination on entry and in the original
    // order on return: turns white noise into a sample of N(0, A^{-1}).
    void half_solve(Block& x, Block& scratch) const;
    // The adjoint of half_solve: x := L^{-1} x, original order in, order of elimination out.
    void half_solve_adjoint(Block& x, Block& scratch) const;

    // Brings the rows of x into the order of elimination.
    void to_elimination_order(Block& x, Block& scratch) const;

    // log det A; NaN where A is not positive definite.
    Lanes log_determinant() const;

    // 0 in the lanes whose matrix was positive definite, NaN in the others.
    const Lanes& failed() const { return failed_; }
    const Symbolic& symbolic() const { return *symbolic_; }
    const double* panels() const { return panels_.data(); }

private:
    void to_original_order(Block& x, Block& scratch) const;

    std::shared_ptr<const Symbolic> symbolic_;
    Block panels_;  // Width == 1: the same storage, read as plain doubles
    Block updates_;
    Lanes failed_ = Lanes::Zero();
};

// The factor of one matrix in single precision, for preconditioning all chains: half the memory to
// read. Factored in double precision, rounded once.
class SingleCholesky {
public:
    // `values`: the entries of the lower triangle in the order of the pattern.
    SingleCholesky(std::shared_ptr<const Symbolic> symbolic, const Vector& values);

    // z := A^{-1} z up to single precision; scratch (size, kLanes).
    void solve(FloatBlock& z, FloatBlock& scratch) const;
    bool failed() const { return failed_; }

private:
    std::shared_ptr<const Symbolic> symbolic_;
    Eigen::VectorXf panels_;
    bool failed_ = false;
};

extern template class Cholesky<1>;
extern template class Cholesky<kLanes>;

}  // namespace m4dl
