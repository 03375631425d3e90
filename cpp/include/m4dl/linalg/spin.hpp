// Rotations as quaternions q = (q0, q1, q2, q3), over lanes. A turn by the vector w, the exponential of
// hat(w) v = w x v, is q = (cos |w|/2, sin(|w|/2) w/|w|). The same q is a matrix of SU(2), the
// exponential of -i/2 (w1 sigma1 + w2 sigma2 + w3 sigma3): SU(2) covers SO(3) twice, and one product
// of quaternions, 16 multiplications, serves both. Lengths of quaternions are immaterial until the
// end of a product, so that no turn needs a sine.
#pragma once

#include <array>
#include <limits>
#include <numbers>

#include "m4dl/base/simd.hpp"

namespace m4dl::spin {

using simd::Real;

template <int W>
M4DL_INLINE void cross(const Real<W>* a, const Real<W>* b, Real<W>* out) {
    const Real<W> x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2],
                  z = a[0] * b[1] - a[1] * b[0];
    out[0] = x, out[1] = y, out[2] = z;
}

template <int W>
M4DL_INLINE Real<W> dot(const Real<W>* a, const Real<W>* b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// Pade's approximant exp(z) = D(z)/D(-z) with D = sum_j c_j z^j of degree K = 10 (Golub, Van Loan, Matrix
// Computations, 4th ed., sec. 9.3.1). At z = i s its numerator and denominator are conjugate, so that
// D(i s) = A(x) + i s B(x), x = s^2, has the angle s/2, up to (K!)^2/((2 K)! (2 K + 1)!) s^{2 K + 1},
// which is 3e-15 at s = pi and below 1e-16 for s <= 2.6: (A, B w) is the turn by w, times |D(i s)|.
struct Pade {
    static constexpr int kDegree = 10, kTerms = kDegree / 2;
    std::array<double, kTerms + 1> a{};
    std::array<double, kTerms> b{}, e{};  // e: (A - 2 B)/x
    constexpr Pade() {
        std::array<double, kDegree + 2> c{1.0};
        for (int j = 1; j <= kDegree; ++j)
            c[j] = c[j - 1] * (kDegree - j + 1.0) / ((2.0 * kDegree - j + 1.0) * j);
        double sign = 1.0;
        for (int j = 0; j <= kTerms; ++j, sign = -sign) {
            a[j] = sign * c[2 * j];
            if (j < kTerms) b[j] = sign * c[2 * j + 1];
            if (j < kTerms)
                e[j] =
                    sign * (2.0 * c[2 * j + 3 < kDegree ? 2 * j + 3 : kDegree + 1] - c[2 * j + 2]);
        }
    }
};
inline constexpr Pade kPade;

template <int W, std::size_t Terms>
M4DL_INLINE Real<W> polynomial(const std::array<double, Terms>& c, const Real<W>& x) {
    Real<W> sum = x * c[Terms - 1] + c[Terms - 2];
    for (int k = static_cast<int>(Terms) - 3; k >= 0; --k) sum = sum * x + c[k];
    return sum;
}

// A quaternion of the turn by w, of any length; returns |w|^2.
template <int W>
M4DL_INLINE Real<W> turn(const Real<W>* w, Real<W>* q) {
    const Real<W> x = dot<W>(w, w), b = polynomial<W>(kPade.b, x);
    q[0] = polynomial<W>(kPade.a, x);
    for (int c = 0; c < 3; ++c) q[c + 1] = b * w[c];
    return x;
}

// 1 where |w|^2 = x is that of a turn by at most half a circle, else NaN: a step of a path that turns
// farther does not resolve its field, and Magnus's series may diverge.
template <int W>
M4DL_INLINE Real<W> resolved(const Real<W>& x) {
    const Real<W> nan = x * std::numeric_limits<double>::quiet_NaN();
    return x <= std::numbers::pi * std::numbers::pi ? simd::broadcast<W>(1.0) : nan;
}

// u := q u
template <int W>
M4DL_INLINE void multiply(const Real<W>* q, Real<W>* u) {
    const Real<W> u0 = q[0] * u[0] - q[1] * u[1] - q[2] * u[2] - q[3] * u[3],
                  u1 = q[0] * u[1] + q[1] * u[0] + q[2] * u[3] - q[3] * u[2],
                  u2 = q[0] * u[2] - q[1] * u[3] + q[2] * u[0] + q[3] * u[1],
                  u3 = q[0] * u[3] + q[1] * u[2] - q[2] * u[1] + q[3] * u[0];
    u[0] = u0, u[1] = u1, u[2] = u2, u[3] = u3;
}

// What the turn by w does to other vectors: R = exp(hat w), and E with d exp(hat w) =
// hat(E dw) exp(hat w), E = I + (1 - cos s)/s^2 hat(w) + (s - sin s)/s^3 hat(w)^2, s = |w|. With the
// unit quaternion (A, B w)/n the fractions are 2 (B/n)^2 and (A (A - 2 B)/x + B^2)/n^2, without a
// difference that cancels.
template <int W>
struct Turn {
    Real<W> w[3], sinc, first, second;  // sin s/s and the two fractions

    M4DL_INLINE explicit Turn(const Real<W>* vector) {
        for (int c = 0; c < 3; ++c) w[c] = vector[c];
        const Real<W> x = dot<W>(w, w), a = polynomial<W>(kPade.a, x),
                      b = polynomial<W>(kPade.b, x), b2 = b * b,
                      inverse = resolved<W>(x) / (a * a + x * b2);
        sinc = 2.0 * a * b * inverse;
        first = 2.0 * b2 * inverse;
        second = (a * polynomial<W>(kPade.e, x) + b2) * inverse;
    }
    // v := R v, or R' v for Sign = -1.
    template <int Sign>
    M4DL_INLINE void rotate(Real<W>* v) const {
        Real<W> once[3], twice[3];
        cross<W>(w, v, once);
        cross<W>(w, once, twice);
        for (int c = 0; c < 3; ++c)
            v[c] += static_cast<double>(Sign) * sinc * once[c] + first * twice[c];
    }
    // out := E v, or E' v for Sign = -1.
    template <int Sign>
    M4DL_INLINE void differential(const Real<W>* v, Real<W>* out) const {
        Real<W> once[3], twice[3];
        cross<W>(w, v, once);
        cross<W>(w, once, twice);
        for (int c = 0; c < 3; ++c)
            out[c] = v[c] + static_cast<double>(Sign) * first * once[c] + second * twice[c];
    }
};

}  // namespace m4dl::spin
