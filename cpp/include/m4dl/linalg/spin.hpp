// Rotations as unit quaternions q = (q0, q1, q2, q3), over lanes. A turn by the vector w, the
// exponential of hat(w) v = w x v, is q = (cos |w|/2, sin(|w|/2) w/|w|). The same q is a matrix of
// SU(2), the exponential of -i/2 (w1 sigma1 + w2 sigma2 + w3 sigma3): SU(2) covers SO(3) twice, and
// one product of quaternions, 16 multiplications, serves both.
#pragma once

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

// sum_k (-x)^k / (2 k + First)!: cos(sqrt x) for First = 0, sin(sqrt x)/sqrt x for 1, and
// (s - sin s)/s^3 at s = sqrt x for 3. After Terms terms the rest is below 1e-16 for x <= (pi/2)^2
// with 12 and for x <= pi^2 with 14.
template <int W, int First, int Terms>
M4DL_INLINE Real<W> alternating(const Real<W>& x) {
    constexpr auto coefficients = [] {
        struct {
            double c[Terms];
        } out{};
        double factorial = 1.0;
        for (int j = 2; j <= First; ++j) factorial *= j;
        for (int k = 0; k < Terms; ++k) {
            out.c[k] = (k % 2 ? -1.0 : 1.0) / factorial;
            factorial *= (2.0 * k + First + 1.0) * (2.0 * k + First + 2.0);
        }
        return out;
    }();
    Real<W> sum = simd::broadcast<W>(coefficients.c[Terms - 1]);
    for (int k = Terms - 2; k >= 0; --k) sum = sum * x + coefficients.c[k];
    return sum;
}

// The turn by w, q, and sin(|w|/2)/(|w|/2). Turns by more than half a circle are NaN: a step of a
// path that turns so far does not resolve its field, and Magnus's series may diverge.
template <int W>
M4DL_INLINE void turn(const Real<W>* w, Real<W>* q, Real<W>& sinc) {
    constexpr double most = 0.25 * std::numbers::pi * std::numbers::pi;
    const Real<W> x = 0.25 * dot<W>(w, w), nan = x * std::numeric_limits<double>::quiet_NaN();
    const Real<W> safe = x <= most ? x : nan;
    q[0] = alternating<W, 0, 12>(safe);
    sinc = alternating<W, 1, 12>(safe);
    for (int c = 0; c < 3; ++c) q[c + 1] = 0.5 * sinc * w[c];
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

// v := R v, or R' v for Sign = -1, by the rotation R of q.
template <int W, int Sign>
M4DL_INLINE void rotate(const Real<W>* q, Real<W>* v) {
    Real<W> once[3], twice[3];
    cross<W>(q + 1, v, once);
    cross<W>(q + 1, once, twice);
    for (int c = 0; c < 3; ++c)
        v[c] += 2.0 * (static_cast<double>(Sign) * q[0] * once[c] + twice[c]);
}

// out := E v with E = I + (1 - cos s)/s^2 hat(w) + (s - sin s)/s^3 hat(w)^2, s = |w|, for which
// d exp(hat w) = hat(E dw) exp(hat w); its transpose for Sign = -1. `sinc` is that of `turn`.
template <int W, int Sign>
M4DL_INLINE void differential(const Real<W>* w, const Real<W>& sinc, const Real<W>* v,
                              Real<W>* out) {
    const Real<W> first = static_cast<double>(Sign) * 0.5 * sinc * sinc,
                  second = alternating<W, 3, 14>(dot<W>(w, w));
    Real<W> once[3], twice[3];
    cross<W>(w, v, once);
    cross<W>(w, once, twice);
    for (int c = 0; c < 3; ++c) out[c] = v[c] + first * once[c] + second * twice[c];
}

}  // namespace m4dl::spin
