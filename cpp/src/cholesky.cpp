#include "m4dl/linalg/cholesky.hpp"

#include <cmath>

#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::load, simd::store, simd::Real;

// acc[r][c] = sum_{q < depth} a[r][q] * b[c][q] for a tile of rows r of `a` and c of `b`, for the
// W lanes that start at the given pointers. Entries are N doubles apart, rows `stride` entries.
template <int N, int W, int R, int C>
M4DL_INLINE void tile(Real<W> (&acc)[R][C], const double* a, Index a_stride, const double* b,
                      Index b_stride, Index depth) {
    for (int r = 0; r < R; ++r)
        for (int c = 0; c < C; ++c) acc[r][c] = Real<W>{};
    for (Index q = 0; q < depth; ++q) {
        Real<W> x[R], y[C];
        for (int r = 0; r < R; ++r) x[r] = load<W>(a + (r * a_stride + q) * N);
        for (int c = 0; c < C; ++c) y[c] = load<W>(b + (c * b_stride + q) * N);
        for (int r = 0; r < R; ++r)
            for (int c = 0; c < C; ++c) acc[r][c] += x[r] * y[c];
    }
}

// out[r][c] = start - sum, where start is out itself (Accumulate) or zero.
template <int N, int W, int R, int C, bool Accumulate>
M4DL_INLINE void subtract_tile(double* out, Index out_stride, const double* a, Index a_stride,
                               const double* b, Index b_stride, Index depth) {
    for (int half = 0; half < N; half += W) {
        Real<W> acc[R][C];
        tile<N, W, R, C>(acc, a + half, a_stride, b + half, b_stride, depth);
        for (int r = 0; r < R; ++r)
            for (int c = 0; c < C; ++c) {
                double* at = out + (r * out_stride + c) * N + half;
                store<W>(at, (Accumulate ? load<W>(at) : Real<W>{}) - acc[r][c]);
            }
    }
}

// Factors the leading `width` columns of the (height, width) panel in place. The diagonal keeps
// 1/l_pp, which is what the solves need.
template <int N, int W>
M4DL_INLINE void factor_panel(double* panel, Index width, Index height) {
    auto entry = [&](Index i, Index j) M4DL_INLINE_LAMBDA { return panel + (i * width + j) * N; };
    Index p = 0;
    auto finish_column = [&](Index column) M4DL_INLINE_LAMBDA {  // divide by the root of the pivot
        for (int half = 0; half < N; half += W) {
            double* pivot = entry(column, column) + half;
            Real<W> root;
            simd::square_root<W>(load<W>(pivot), root);
            const Real<W> inverse = simd::broadcast<W>(1.0) / root;
            store<W>(pivot, inverse);
            for (Index i = column + 1; i < height; ++i) {
                double* at = entry(i, column) + half;
                store<W>(at, load<W>(at) * inverse);
            }
        }
    };
    for (; p + 2 <= width; p += 2) {  // two columns at a time
        Index i = p;
        for (; i + 4 <= height; i += 4)
            subtract_tile<N, W, 4, 2, true>(entry(i, p), width, entry(i, 0), width, entry(p, 0),
                                            width, p);
        for (; i < height; ++i)
            subtract_tile<N, W, 1, 2, true>(entry(i, p), width, entry(i, 0), width, entry(p, 0),
                                            width, p);
        finish_column(p);
        for (int half = 0; half < N; half += W) {
            const Real<W> factor = load<W>(entry(p + 1, p) + half);
            for (i = p + 1; i < height; ++i) {
                double* at = entry(i, p + 1) + half;
                store<W>(at, load<W>(at) - load<W>(entry(i, p) + half) * factor);
            }
        }
        finish_column(p + 1);
    }
    if (p < width) {
        for (Index i = p; i < height; ++i)
            subtract_tile<N, W, 1, 1, true>(entry(i, p), width, entry(i, 0), width, entry(p, 0),
                                            width, p);
        finish_column(p);
    }
}

// update := -L21 L21' (lower triangle; tiles that straddle the diagonal write a little above it).
template <int N, int W>
M4DL_INLINE void schur(double* update, const double* below, Index width, Index rest) {
    Index j = 0;
    for (; j + 2 <= rest; j += 2) {
        Index i = j;
        for (; i + 4 <= rest; i += 4)
            subtract_tile<N, W, 4, 2, false>(update + (i * rest + j) * N, rest,
                                             below + i * width * N, width, below + j * width * N,
                                             width, width);
        for (; i < rest; ++i)
            subtract_tile<N, W, 1, 2, false>(update + (i * rest + j) * N, rest,
                                             below + i * width * N, width, below + j * width * N,
                                             width, width);
    }
    for (Index i = j; j < rest && i < rest; ++i)
        subtract_tile<N, W, 1, 1, false>(update + (i * rest + j) * N, rest, below + i * width * N,
                                         width, below + j * width * N, width, width);
}

template <int N, int W>
M4DL_INLINE void add_entry(double* to, const double* from) {
    for (int half = 0; half < N; half += W)
        store<W>(to + half, load<W>(to + half) + load<W>(from + half));
}

// One entry of the factor: a number per lane (N == kLanes) or one number for all lanes (N == 1).
// Solves run in the precision T of the factor.
template <int N, int W, class T>
M4DL_INLINE auto factor_entry(const T* at, int part) {
    if constexpr (N == 1)
        return decltype(load<W>(at)){} + *at;
    else
        return load<W>(at + part);
}
template <int W, class T>
inline constexpr int kPart = std::is_same_v<T, float> ? simd::kFloatWidth<W> : W;

// R rows below the diagonal block at once: x[rows[r]] -= sum_p L(r, p) own[p].
template <int N, int W, int R, class T>
M4DL_INLINE void forward_rows(const T* panel_row, const Index* rows, const T* own, Index width,
                              T* x) {
    constexpr int L = static_cast<int>(kLanes);
    for (int part = 0; part < L; part += kPart<W, T>) {
        decltype(load<W>(x)) acc[R];
        for (int r = 0; r < R; ++r) acc[r] = load<W>(x + rows[r] * L + part);
        for (Index p = 0; p < width; ++p) {
            const auto value = load<W>(own + p * L + part);
            for (int r = 0; r < R; ++r)
                acc[r] -= factor_entry<N, W>(panel_row + (r * width + p) * N, part) * value;
        }
        for (int r = 0; r < R; ++r) store<W>(x + rows[r] * L + part, acc[r]);
    }
}

// One supernode of x := L^{-1} x, rows in order of elimination.
template <int N, int W, class T>
M4DL_INLINE void forward_node(const Symbolic& s, const Supernode& node, const T* panel, T* x) {
    constexpr int L = static_cast<int>(kLanes);
    const Index width = node.width;
    const Index* rows = s.rows.data() + node.rows;
    T* own = x + node.first * L;
    for (Index i = 0; i < width; ++i)
        for (int part = 0; part < L; part += kPart<W, T>) {
            auto acc = load<W>(own + i * L + part);
            const T* row = panel + i * width * N;
            for (Index p = 0; p < i; ++p)
                acc -= factor_entry<N, W>(row + p * N, part) * load<W>(own + p * L + part);
            store<W>(own + i * L + part, acc * factor_entry<N, W>(row + i * N, part));
        }
    Index i = width;
    for (; i + 4 <= node.height; i += 4)
        forward_rows<N, W, 4>(panel + i * width * N, rows + i, own, width, x);
    for (; i < node.height; ++i)
        forward_rows<N, W, 1>(panel + i * width * N, rows + i, own, width, x);
}

template <int N, int W, class T>
M4DL_INLINE void forward_all(const Symbolic& s, const T* panels, T* x) {
    for (const Supernode& node : s.nodes) forward_node<N, W>(s, node, panels + node.panel * N, x);
}

// Multifrontal factorisation: each supernode gathers its entries of A and its children's updates,
// eliminates its columns, and leaves an update for its parent. While the columns are in the cache,
// each of the `count` right-hand sides takes its forward substitution through them.
template <int N, int W>
M4DL_INLINE void factor_all(const Symbolic& s, const double* values, double* panels,
                            double* updates, double* const* rhs, Index count) {
    for (const Supernode& node : s.nodes) {
        const Index width = node.width, height = node.height, rest = height - width;
        double* panel = panels + node.panel * N;
        double* update = updates + node.update * N;
        std::memset(panel, 0, sizeof(double) * static_cast<std::size_t>(width * height * N));
        for (Index e = node.entries; e < node.entries_end; ++e)
            add_entry<N, W>(panel + s.target[e] * N, values + s.source[e] * N);
        // A child's update is (below)^2; rows and columns go where `relative` says in this front.
        auto for_children = [&](auto&& visit) M4DL_INLINE_LAMBDA {
            for (Index c = node.children; c < node.children_end; ++c) {
                const Supernode& child = s.nodes[s.children[c]];
                visit(child, updates + child.update * N, child.height - child.width,
                      s.relative.data() + child.relative);
            }
        };
        for_children([&](const Supernode& child, const double* from, Index below, const Index* at)
                         M4DL_INLINE_LAMBDA {
                             for (Index i = 0; i < below; ++i) {
                                 double* row = panel + at[i] * width * N;
                                 const Index end = std::min(i + 1, child.into_panel);
                                 for (Index j = 0; j < end; ++j)
                                     add_entry<N, W>(row + at[j] * N, from + (i * below + j) * N);
                             }
                         });
        factor_panel<N, W>(panel, width, height);
        schur<N, W>(update, panel + width * width * N, width, rest);
        if constexpr (N == static_cast<int>(kLanes))
            for (Index r = 0; r < count; ++r) forward_node<N, W>(s, node, panel, rhs[r]);
        for_children([&](const Supernode& child, const double* from, Index below,
                         const Index* at) M4DL_INLINE_LAMBDA {
            for (Index i = child.into_panel; i < below; ++i) {
                double* row = update + (at[i] - width) * rest * N;
                for (Index j = child.into_panel; j <= i; ++j)
                    add_entry<N, W>(row + (at[j] - width) * N, from + (i * below + j) * N);
            }
        });
    }
}

// C columns at once: own[p + c] -= sum_{i >= width} L(i, p + c) x[rows[i]].
template <int N, int W, int C, class T>
M4DL_INLINE void backward_columns(const T* panel, const Index* rows, T* own, Index p, Index width,
                                  Index height, const T* x) {
    constexpr int L = static_cast<int>(kLanes);
    for (int part = 0; part < L; part += kPart<W, T>) {
        decltype(load<W>(x)) acc[C];
        for (int c = 0; c < C; ++c) acc[c] = load<W>(own + (p + c) * L + part);
        for (Index i = width; i < height; ++i) {
            const auto value = load<W>(x + rows[i] * L + part);
            for (int c = 0; c < C; ++c)
                acc[c] -= factor_entry<N, W>(panel + (i * width + p + c) * N, part) * value;
        }
        for (int c = 0; c < C; ++c) store<W>(own + (p + c) * L + part, acc[c]);
    }
}

// x := L^{-T} x, rows in order of elimination.
template <int N, int W, class T>
M4DL_INLINE void backward_all(const Symbolic& s, const T* panels, T* x) {
    constexpr int L = static_cast<int>(kLanes);
    for (auto node = s.nodes.rbegin(); node != s.nodes.rend(); ++node) {
        const Index width = node->width, height = node->height;
        const T* panel = panels + node->panel * N;
        const Index* rows = s.rows.data() + node->rows;
        T* own = x + node->first * L;
        Index p = 0;
        for (; p + 4 <= width; p += 4)
            backward_columns<N, W, 4>(panel, rows, own, p, width, height, x);
        for (; p < width; ++p) backward_columns<N, W, 1>(panel, rows, own, p, width, height, x);
        for (Index i = width - 1; i >= 0; --i)
            for (int part = 0; part < L; part += kPart<W, T>) {
                const T* row = panel + i * width * N;
                const auto value =
                    load<W>(own + i * L + part) * factor_entry<N, W>(row + i * N, part);
                store<W>(own + i * L + part, value);
                for (Index q = 0; q < i; ++q) {
                    T* at = own + q * L + part;
                    store<W>(at, load<W>(at) - factor_entry<N, W>(row + q * N, part) * value);
                }
            }
    }
}

template <int W>
M4DL_INLINE void factor_lanes_kernel(const Symbolic& s, const double* values, double* panels,
                                     double* updates, double* const* rhs, Index count) {
    factor_all<static_cast<int>(kLanes), W>(s, values, panels, updates, rhs, count);
}
template <int W>
M4DL_INLINE void forward_lanes_kernel(const Symbolic& s, const double* panels, double* x) {
    forward_all<static_cast<int>(kLanes), W>(s, panels, x);
}
template <int W>
M4DL_INLINE void backward_lanes_kernel(const Symbolic& s, const double* panels, double* x) {
    backward_all<static_cast<int>(kLanes), W>(s, panels, x);
}
template <int W>
M4DL_INLINE void forward_shared_kernel(const Symbolic& s, const double* panels, double* x) {
    forward_all<1, W>(s, panels, x);
}
template <int W>
M4DL_INLINE void backward_shared_kernel(const Symbolic& s, const double* panels, double* x) {
    backward_all<1, W>(s, panels, x);
}

template <int W>
M4DL_INLINE void both_single_kernel(const Symbolic& s, const float* panels, float* x) {
    forward_all<1, W>(s, panels, x);
    backward_all<1, W>(s, panels, x);
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
        factor_all<1, 1>(*symbolic_, values, panels_.data(), updates_.data(), nullptr, 0);
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
