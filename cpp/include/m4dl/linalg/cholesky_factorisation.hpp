// The multifrontal Cholesky factorisation of one sparse matrix a lane, as dense panels in register
// tiles. Templates for kernels, to be compiled inside them (see cholesky_substitution.hpp).
#pragma once

#include <cstring>

#include "m4dl/linalg/cholesky_substitution.hpp"

namespace m4dl::cholesky {

using simd::Real;

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

}  // namespace m4dl::cholesky
