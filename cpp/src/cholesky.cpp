#include "m4dl/linalg/cholesky.hpp"

#include <cmath>

#include "m4dl/linalg/cholesky_factorisation.hpp"

namespace m4dl {
namespace {

template <int W>
M4DL_INLINE void factor_lanes_kernel(const Symbolic& s, const double* values, double* panels,
                                     double* updates, double* const* rhs, Index count) {
    cholesky::factor_all<static_cast<int>(kLanes), W>(s, values, panels, updates, rhs, count);
}
template <int W>
M4DL_INLINE void forward_lanes_kernel(const Symbolic& s, const double* panels, double* x) {
    cholesky::forward_all<static_cast<int>(kLanes), W>(s, panels, x);
}
template <int W>
M4DL_INLINE void backward_lanes_kernel(const Symbolic& s, const double* panels, double* x) {
    cholesky::backward_all<static_cast<int>(kLanes), W>(s, panels, x);
}
template <int W>
M4DL_INLINE void forward_shared_kernel(const Symbolic& s, const double* panels, double* x) {
    cholesky::forward_all<1, W>(s, panels, x);
}
template <int W>
M4DL_INLINE void backward_shared_kernel(const Symbolic& s, const double* panels, double* x) {
    cholesky::backward_all<1, W>(s, panels, x);
}

template <int W>
M4DL_INLINE void both_single_kernel(const Symbolic& s, const float* panels, float* x) {
    cholesky::forward_all<1, W>(s, panels, x);
    cholesky::backward_all<1, W>(s, panels, x);
}

M4DL_DISPATCH(factor_lanes_kernel, factor_lanes,
              (const Symbolic& s, const double* v, double* p, double* u, double* const* rhs,
               Index n),
              (s, v, p, u, rhs, n))
M4DL_DISPATCH(forward_lanes_kernel, forward_lanes, (const Symbolic& s, const double* p, double* x),
              (s, p, x))
M4DL_DISPATCH(backward_lanes_kernel, backward_lanes,
              (const Symbolic& s, const double* p, double* x), (s, p, x))
M4DL_DISPATCH(forward_shared_kernel, forward_shared,
              (const Symbolic& s, const double* p, double* x), (s, p, x))
M4DL_DISPATCH(backward_shared_kernel, backward_shared,
              (const Symbolic& s, const double* p, double* x), (s, p, x))

M4DL_DISPATCH(both_single_kernel, both_single, (const Symbolic& s, const float* p, float* x),
              (s, p, x))

}  // namespace

template <Index Width>
Cholesky<Width>::Cholesky(std::shared_ptr<const Symbolic> symbolic)
    : symbolic_(std::move(symbolic)) {
    const Index doubles_per_row = kLanes / Width;
    auto rows = [&](Index entries) { return (entries + doubles_per_row - 1) / doubles_per_row; };
    panels_.setZero(rows(symbolic_->panel_entries), kLanes);
    updates_.setZero(rows(symbolic_->update_entries), kLanes);
}

template <Index Width>
void Cholesky<Width>::factor(const double* values, std::span<double* const> rhs) {
    if constexpr (Width == 1)
        cholesky::factor_all<1, 1>(*symbolic_, values, panels_.data(), updates_.data(), nullptr, 0);
    else
        factor_lanes(*symbolic_, values, panels_.data(), updates_.data(), rhs.data(),
                     static_cast<Index>(rhs.size()));
    // The diagonal holds 1/l: finite and positive exactly where every pivot was.
    failed_.setZero();
    for (const Supernode& node : symbolic_->nodes)
        for (Index k = 0; k < node.width; ++k) {
            const double* inverse = panels_.data() + (node.panel + k * node.width + k) * Width;
            for (Index lane = 0; lane < kLanes; ++lane) {
                const double v = inverse[Width == 1 ? 0 : lane];
                if (!(v > 0 && v < std::numeric_limits<double>::infinity()))
                    failed_[lane] = std::numeric_limits<double>::quiet_NaN();
            }
        }
}

template <Index Width>
void Cholesky<Width>::to_elimination_order(Block& x, Block& scratch) const {
    scratch.resizeLike(x);
    for (Index k = 0; k < symbolic_->size; ++k) scratch.row(k) = x.row(symbolic_->order[k]);
    x.swap(scratch);
}

template <Index Width>
void Cholesky<Width>::to_original_order(Block& x, Block& scratch) const {
    scratch.resizeLike(x);
    for (Index k = 0; k < symbolic_->size; ++k)
        scratch.row(symbolic_->order[k]) = x.row(k) + failed_;
    x.swap(scratch);
}

template <Index Width>
void Cholesky<Width>::solve(Block& x, Block& scratch) const {
    half_solve_adjoint(x, scratch);
    half_solve(x, scratch);
}

template <Index Width>
void Cholesky<Width>::half_solve(Block& x, Block& scratch) const {
    if constexpr (Width == 1)
        backward_shared(*symbolic_, panels_.data(), x.data());
    else
        backward_lanes(*symbolic_, panels_.data(), x.data());
    to_original_order(x, scratch);
}

template <Index Width>
void Cholesky<Width>::half_solve_adjoint(Block& x, Block& scratch) const {
    to_elimination_order(x, scratch);
    if constexpr (Width == 1)
        forward_shared(*symbolic_, panels_.data(), x.data());
    else
        forward_lanes(*symbolic_, panels_.data(), x.data());
}

template <Index Width>
Lanes Cholesky<Width>::log_determinant() const {
    Lanes out = failed_;
    for (const Supernode& node : symbolic_->nodes)
        for (Index k = 0; k < node.width; ++k) {
            // the diagonal of a panel holds 1/l
            const double* inverse = panels_.data() + (node.panel + k * (node.width + 1)) * Width;
            for (Index lane = 0; lane < kLanes; ++lane)
                out[lane] -= 2.0 * std::log(inverse[Width == 1 ? 0 : lane]);
        }
    return out;
}

SingleCholesky::SingleCholesky(std::shared_ptr<const Symbolic> symbolic, const Vector& values)
    : symbolic_(std::move(symbolic)), panels_(symbolic_->panel_entries) {
    Cholesky<1> factor(symbolic_);
    factor.factor(values.data());
    failed_ = factor.failed().isNaN().any();
    for (Index k = 0; k < panels_.size(); ++k) panels_[k] = static_cast<float>(factor.panels()[k]);
}

void SingleCholesky::solve(FloatBlock& z, FloatBlock& scratch) const {
    const Order& order = symbolic_->order;
    for (Index k = 0; k < symbolic_->size; ++k) scratch.row(k) = z.row(order[k]);
    both_single(*symbolic_, panels_.data(), scratch.data());
    for (Index k = 0; k < symbolic_->size; ++k) z.row(order[k]) = scratch.row(k);
}

template class Cholesky<1>;
template class Cholesky<kLanes>;

}  // namespace m4dl
