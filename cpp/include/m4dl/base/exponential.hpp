// exp over a vector of lanes, with the same bits on every instruction set.
#pragma once

#include "m4dl/base/simd.hpp"

namespace m4dl::simd {

// x = n log 2 + r with |r| <= log(2)/2, log 2 in two parts (Cody, Waite 1980) so that r is exact to
// the last bit; then Taylor's polynomial of degree 13, whose remainder is below 5e-18 there; then
// 2^n in two factors, as n may exceed the range of an exponent by itself. Error below 2 units in the
// last place; infinity above 709.79, 0 below -745.14, NaN for NaN.
template <int W>
M4DL_INLINE Real<W> exponential(const Real<W>& x) {
    constexpr double kShift = 0x1.8p52;  // adding it rounds to the nearest integer
    const Real<W> low = broadcast<W>(-746.0), high = broadcast<W>(710.0);
    Real<W> t = x < low ? low : x;  // NaN compares false and stays
    t = t > high ? high : t;
    const Real<W> shifted = t * 0x1.71547652b82fep0 + kShift;
    const Real<W> n = shifted - kShift;
    const Real<W> r = (t - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
    constexpr double c[] = {1.0 / 6227020800.0,
                            1.0 / 479001600.0,
                            1.0 / 39916800.0,
                            1.0 / 3628800.0,
                            1.0 / 362880.0,
                            1.0 / 40320.0,
                            1.0 / 5040.0,
                            1.0 / 720.0,
                            1.0 / 120.0,
                            1.0 / 24.0,
                            1.0 / 6.0,
                            0.5,
                            1.0,
                            1.0};
    Real<W> p = broadcast<W>(c[0]);
    for (int k = 1; k < 14; ++k) p = p * r + c[k];
    // The low bits of `shifted` are n; halves of it go into the exponents of two factors.
    Bits<W> bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    typedef std::int64_t Signed __attribute__((vector_size(8 * W)));
    Signed whole;
    std::memcpy(&whole, &bits, sizeof whole);
    whole = (whole << 12) >> 12;  // n, sign-extended below the bit of 2^51
    const Signed half = whole >> 1;
    const Signed first = (half + 1023) << 52, second = (whole - half + 1023) << 52;
    Real<W> a, b;
    std::memcpy(&a, &first, sizeof a);
    std::memcpy(&b, &second, sizeof b);
    return p * a * b;
}

}  // namespace m4dl::simd
