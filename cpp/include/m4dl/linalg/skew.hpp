// Skew-symmetric N x N matrices and their exponentials in SO(N), over lanes. Small N: matrices are
// arrays, and every loop is unrolled.
#pragma once

#include <limits>

#include "m4dl/base/simd.hpp"

namespace m4dl::skew {

using simd::Real;

template <int N, int W>
struct Square {
    Real<W> at[N][N];
};

template <int N, int W>
M4DL_INLINE Square<N, W> identity() {
    Square<N, W> out{};
    for (int i = 0; i < N; ++i) out.at[i][i] = simd::broadcast<W>(1.0);
    return out;
}

template <int N, int W>
M4DL_INLINE void multiply(const Square<N, W>& a, const Square<N, W>& b, Square<N, W>& out) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            Real<W> sum = a.at[i][0] * b.at[0][j];
            for (int k = 1; k < N; ++k) sum += a.at[i][k] * b.at[k][j];
            out.at[i][j] = sum;
        }
}

// a b' and a' b
template <int N, int W>
M4DL_INLINE void multiply_transposed(const Square<N, W>& a, const Square<N, W>& b,
                                     Square<N, W>& out) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            Real<W> sum = a.at[i][0] * b.at[j][0];
            for (int k = 1; k < N; ++k) sum += a.at[i][k] * b.at[j][k];
            out.at[i][j] = sum;
        }
}
template <int N, int W>
M4DL_INLINE void transposed_multiply(const Square<N, W>& a, const Square<N, W>& b,
                                     Square<N, W>& out) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            Real<W> sum = a.at[0][i] * b.at[0][j];
            for (int k = 1; k < N; ++k) sum += a.at[k][i] * b.at[k][j];
            out.at[i][j] = sum;
        }
}

// [a, b] = a b - b a, which for skew a and b is p - p' with p = a b.
template <int N, int W>
M4DL_INLINE void commutator(const Square<N, W>& a, const Square<N, W>& b, Square<N, W>& out) {
    Square<N, W> p;
    multiply(a, b, p);
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) out.at[i][j] = p.at[i][j] - p.at[j][i];
}

// exp(a) by Taylor's polynomial of degree 19 in powers of a^4 (Paterson, Stockmeyer, SIAM J. Comput.
// 2, 1973): seven products. For |a| <= 1 what is left out is below 1/20! = 4e-19. Larger a give NaN:
// a step of a path that turns so far does not resolve its field. |a| is at most the Frobenius norm
// over sqrt(2), since eigenvalues come in pairs.
template <int N, int W>
M4DL_INLINE Square<N, W> exponential(const Square<N, W>& a) {
    Real<W> square{};
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < i; ++j) square += a.at[i][j] * a.at[i][j];
    const Real<W> nan = square * std::numeric_limits<double>::quiet_NaN();
    const Real<W> one = square <= 1.0 ? simd::broadcast<W>(1.0) : nan;
    Square<N, W> power[5];
    power[0] = identity<N, W>();
    power[1] = a;
    for (int k = 2; k <= 4; ++k) multiply(power[k - 1], a, power[k]);
    double factor[20];
    factor[0] = 1.0;
    for (int k = 1; k < 20; ++k) factor[k] = factor[k - 1] / k;
    Square<N, W> sum{};
    for (int block = 4; block >= 0; --block) {
        Square<N, W> next{};
        if (block < 4) multiply(sum, power[4], next);
        for (int k = 0; k < 4; ++k)
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j)
                    next.at[i][j] += factor[4 * block + k] * power[k].at[i][j];
        sum = next;
    }
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) sum.at[i][j] *= one;
    return sum;
}

// out := E v = sum_k ad(a)^k v/(k + 1)!, for which d exp(a) = E(da) exp(a); its transpose for
// Sign = -1, as ad(a) is skew. |ad a| <= 2 |a| <= 2: 24 terms leave 2^24/25! = 1e-18.
template <int N, int W, int Sign>
M4DL_INLINE void differential(const Square<N, W>& a, const Square<N, W>& v, Square<N, W>& out) {
    constexpr int kTerms = 24;
    out = v;
    for (int k = kTerms - 1; k >= 1; --k) {
        Square<N, W> next;
        commutator(a, out, next);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j)
                out.at[i][j] = v.at[i][j] + (static_cast<double>(Sign) / (k + 1.0)) * next.at[i][j];
    }
}

}  // namespace m4dl::skew
