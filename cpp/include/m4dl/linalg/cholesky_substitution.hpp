// Substitutions with a supernodal Cholesky factor, x := L^{-1} x and x := L^{-T} x, in panels of four
// rows or columns. Templates for kernels, to be compiled inside them: W is the vector width, N the
// numbers of an entry of the factor, kLanes (a factor for each chain) or 1 (one for all).
#pragma once

#include <type_traits>

#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/symbolic.hpp"

namespace m4dl::cholesky {

using simd::load, simd::store;

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

}  // namespace m4dl::cholesky
