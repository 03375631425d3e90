#include "m4dl/base/philox.hpp"

#include <numbers>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::Bits, simd::Real;

constexpr std::uint64_t kOne = 0x3FF0000000000000;  // the bits of 1.0

template <int W>
M4DL_INLINE Bits<W> as_bits(Real<W> x) {
    Bits<W> b;
    std::memcpy(&b, &x, sizeof b);
    return b;
}
template <int W>
M4DL_INLINE Real<W> as_real(Bits<W> b) {
    Real<W> x;
    std::memcpy(&x, &b, sizeof x);
    return x;
}

// The products of the low 32 bits of each 64-bit slot. Compilers do not see through `&` to the one
// instruction for it, hence the intrinsics.
template <int W>
void low_product(const Bits<W>& a, const Bits<W>& b, Bits<W>& out);
#if defined(__x86_64__)
template <>
inline void low_product<2>(const Bits<2>& a, const Bits<2>& b, Bits<2>& out) {
    out = (Bits<2>)_mm_mul_epu32((__m128i)a, (__m128i)b);
}
template <>
M4DL_TARGET_AVX2 inline void low_product<4>(const Bits<4>& a, const Bits<4>& b, Bits<4>& out) {
    out = (Bits<4>)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
template <>
M4DL_TARGET_AVX512 inline void low_product<8>(const Bits<8>& a, const Bits<8>& b, Bits<8>& out) {
    out = (Bits<8>)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
#else
template <>
inline void low_product<2>(const Bits<2>& a, const Bits<2>& b, Bits<2>& out) {
    out = (a & std::uint64_t{0xFFFFFFFF}) * (b & std::uint64_t{0xFFFFFFFF});
}
#endif

template <int W>
M4DL_INLINE Bits<W> fill(std::uint64_t x) {
    return Bits<W>{} + x;
}

// Philox on W counters, one 32-bit word in the low half of each slot; the high halves hold garbage
// that nothing reads.
template <int W>
M4DL_INLINE void philox(Bits<W> (&c)[4], std::uint32_t k0, std::uint32_t k1) {
    const Bits<W> m0 = fill<W>(0xD2511F53), m1 = fill<W>(0xCD9E8D57);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
        Bits<W> a, b;
        low_product<W>(c[0], m0, a);
        low_product<W>(c[2], m1, b);
        c[0] = (b >> 32) ^ (c[1] ^ std::uint64_t{k0});
        c[1] = b;
        c[2] = (a >> 32) ^ (c[3] ^ std::uint64_t{k1});
        c[3] = a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

// The top 40 of 64 random bits -> the midpoints of a grid on (0, 1). As a radius below, |z| reaches
// 7.4, which is exceeded once in 10^13.
template <int W>
M4DL_INLINE Real<W> uniform(Bits<W> bits) {
    return as_real<W>(((bits >> 12) & ~std::uint64_t{0xFFF}) | (kOne + 0x800)) - 1.0;
}

// log(u) for u in (0, 1), by u = 2^e m with m in [sqrt(1/2), sqrt(2)) and the series of
// 2 atanh(s), s = (m - 1)/(m + 1), |s| < 0.172. Error below 5e-13.
template <int W>
M4DL_INLINE Real<W> log01(Real<W> u) {
    const Bits<W> bits = as_bits<W>(u);
    // Adding the distance from sqrt(1/2) to 1 (in the bits) rounds the exponent at sqrt(2).
    const Bits<W> shifted = bits + (kOne - std::uint64_t{0x3FE6A09E667F3BCD});
    const Bits<W> biased = shifted >> 52;
    // An integer below 2^52 becomes a double by pasting it behind the exponent of 2^52.
    const Real<W> exponent =
        as_real<W>(biased | std::uint64_t{0x4330000000000000}) - (0x1p52 + 1023.0);
    const Bits<W> mantissa =
        (shifted & std::uint64_t{0x000FFFFFFFFFFFFF}) + std::uint64_t{0x3FE6A09E667F3BCD};
    const Real<W> m = as_real<W>(mantissa);
    const Real<W> s = (m - 1.0) / (m + 1.0), z = s * s;
    Real<W> series = z * (2.0 / 13) + 2.0 / 11;
    series = series * z + 2.0 / 9;
    series = series * z + 2.0 / 7;
    series = series * z + 2.0 / 5;
    series = series * z + 2.0 / 3;
    return exponent * std::numbers::ln2 + (s * 2.0 + s * z * series);
}

// A point of the unit circle at one of 2^24 equal steps, from the low 24 bits (trigonometric moments
// below that order are exact): two bits choose the quarter turn, the others an angle t in
// (-pi/4, pi/4) for the Taylor series. Error below 2e-14 in the sine, 4e-13 in the cosine.
template <int W>
M4DL_INLINE void circle(Bits<W> bits, Real<W>& cosine, Real<W>& sine) {
    const Bits<W> quarter = bits >> 22;
    const Real<W> between = as_real<W>(((bits & std::uint64_t{0x3FFFFF}) << 30) |
                                       (kOne + (std::uint64_t{1} << 29)));  // midpoints in (1, 2)
    const Real<W> t = (between - 1.5) * (std::numbers::pi / 2), z = t * t;
    Real<W> s = z * (1.0 / 6227020800) - 1.0 / 39916800;
    s = s * z + 1.0 / 362880;
    s = s * z - 1.0 / 5040;
    s = s * z + 1.0 / 120;
    s = s * z - 1.0 / 6;
    s = t + t * z * s;
    Real<W> c = z * (1.0 / 479001600) - 1.0 / 3628800;
    c = c * z + 1.0 / 40320;
    c = c * z - 1.0 / 720;
    c = c * z + 1.0 / 24;
    c = c * z - 0.5;
    c = c * z + 1.0;
    // Quarters 0..3: (c, s), (-s, c), (-c, -s), (s, -c).
    const Bits<W> odd = Bits<W>{} - (quarter & std::uint64_t{1});
    const Bits<W> cb = as_bits<W>(c), sb = as_bits<W>(s);
    const Bits<W> cosine_sign = ((quarter + 1) & std::uint64_t{2}) << 62;
    const Bits<W> sine_sign = (quarter & std::uint64_t{2}) << 62;
    const Bits<W> swap = (cb ^ sb) & odd;
    cosine = as_real<W>(cb ^ swap ^ cosine_sign);
    sine = as_real<W>(sb ^ swap ^ sine_sign);
}

// Rows 4k..4k+3 of `out` come from Philox block k of each lane, by two transforms of Box and Muller.
template <int W>
M4DL_INLINE void normals_kernel(std::uint64_t seed, std::uint64_t chain, std::uint64_t step,
                                std::uint32_t stream, Index first, Index rows, double* out) {
    constexpr int L = static_cast<int>(kLanes);
    const auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    Bits<W> chains[kLanes / W];
    for (int l = 0; l < L; ++l)
        chains[l / W][l % W] = static_cast<std::uint32_t>(chain + static_cast<std::uint64_t>(l));
    for (Index row = 0; row < rows; row += 4)
        for (int half = 0; half < L; half += W) {
            Bits<W> c[4] = {fill<W>(static_cast<std::uint32_t>((first + row) / 4)),
                            fill<W>(static_cast<std::uint32_t>(step)),
                            // 24 bits more of the step, 8 for the stream: 2^56 steps.
                            fill<W>(static_cast<std::uint32_t>((step >> 32) << 8) | stream),
                            chains[half / W]};
            philox<W>(c, k0, k1);
            Real<W> z[4];
            for (int pair = 0; pair < 2; ++pair) {
                const Bits<W> low = c[2 * pair + 1] & std::uint64_t{0xFFFFFFFF};
                const Bits<W> bits = (c[2 * pair] << 32) | low;
                Real<W> radius, cosine, sine;
                simd::square_root<W>(log01<W>(uniform<W>(bits)) * -2.0, radius);
                circle<W>(bits, cosine, sine);
                z[2 * pair] = radius * cosine;
                z[2 * pair + 1] = radius * sine;
            }
            const Index left = std::min<Index>(4, rows - row);
            for (Index k = 0; k < left; ++k) simd::store<W>(out + (row + k) * L + half, z[k]);
        }
}

M4DL_DISPATCH(normals_kernel, fill_normals,
              (std::uint64_t seed, std::uint64_t chain, std::uint64_t step, std::uint32_t stream,
               Index first, Index rows, double* out),
              (seed, chain, step, stream, first, rows, out))

}  // namespace

void Random::normals(Stream stream, std::uint64_t step, Eigen::Ref<Block> out, Index first) const {
    const Index rows = out.rows();
    for_ranges((rows + 3) / 4, 4, [&](Index begin, Index end) {
        fill_normals(seed_, static_cast<std::uint64_t>(first_chain_), step,
                     static_cast<std::uint32_t>(stream), first + 4 * begin,
                     std::min(rows, 4 * end) - 4 * begin, out.data() + 4 * begin * kLanes);
    });
}

namespace {

double uniform(std::uint64_t seed, Stream stream, std::uint64_t step, Index chain) {
    const auto c = philox4x32(
        {0, static_cast<std::uint32_t>(step),
         static_cast<std::uint32_t>((step >> 32) << 8) | static_cast<std::uint32_t>(stream),
         static_cast<std::uint32_t>(chain)},
        {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
    const std::uint64_t bits = ((std::uint64_t{c[0]} << 32) | c[1]) >> 12;
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

}  // namespace

Lanes Random::uniforms(Stream stream, std::uint64_t step) const {
    Lanes out;
    for (Index lane = 0; lane < kLanes; ++lane)
        out[lane] = uniform(seed_, stream, step, first_chain_ + lane);
    return out;
}

double Random::shared_uniform(Stream stream, std::uint64_t step) const {
    return uniform(seed_, stream, step, 0);
}

}  // namespace m4dl
