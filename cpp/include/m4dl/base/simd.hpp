// Vectors for the few kernels that are worth writing for the instruction set: the Cholesky factor,
// its triangular solves, and the normals. Each kernel is a template over the vector width W and is
// compiled for SSE2, AVX2 and AVX-512; `dispatch` picks the widest one this processor has, once.
// All versions do the same operations in the same order on each lane, and -ffp-contract=off keeps
// the compiler from fusing any of them, so the draws are the same bit for bit on every processor.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A kernel and all it calls must end up inside the function that carries the target attribute:
// M4DL_INLINE marks functions, M4DL_INLINE_LAMBDA the lambdas in them.
#define M4DL_INLINE_LAMBDA __attribute__((always_inline))
#define M4DL_INLINE inline M4DL_INLINE_LAMBDA

#if defined(__x86_64__)
#define M4DL_TARGET_AVX2 __attribute__((target("avx2")))
#define M4DL_TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))
#endif

namespace m4dl::simd {

template <int W>
struct Types {
    typedef double Real __attribute__((vector_size(8 * W)));
    typedef std::uint64_t Bits __attribute__((vector_size(8 * W)));
};
template <>
struct Types<1> {
    using Real = double;
    using Bits = std::uint64_t;
};

// Single precision for preconditioners: one number per lane, so the vector is as long in bytes as
// suits W, and never longer than the lanes.
inline constexpr int kFloats = 8;
template <int W>
inline constexpr int kFloatWidth = W == 2 ? 4 : kFloats;
template <int W>
struct FloatTypes {
    typedef float Real __attribute__((vector_size(4 * kFloatWidth<W>)));
};
template <int W>
using Float = typename FloatTypes<W>::Real;

template <int W>
using Real = typename Types<W>::Real;
template <int W>
using Bits = typename Types<W>::Bits;

template <int W>
M4DL_INLINE Real<W> load(const double* p) {
    Real<W> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

template <int W>
M4DL_INLINE void store(double* p, Real<W> v) {
    std::memcpy(p, &v, sizeof v);
}

template <int W>
M4DL_INLINE Real<W> broadcast(double x) {
    return Real<W>{} + x;
}

template <int W>
M4DL_INLINE Float<W> load(const float* p) {
    Float<W> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

template <int W>
M4DL_INLINE void store(float* p, Float<W> v) {
    std::memcpy(p, &v, sizeof v);
}

// W numbers from single to double precision and back.
template <int W>
M4DL_INLINE void widen(const float* p, Real<W>& out) {
    typedef float Half __attribute__((vector_size(4 * W)));
    Half v;
    std::memcpy(&v, p, sizeof v);
    out = __builtin_convertvector(v, Real<W>);
}
template <int W>
M4DL_INLINE void narrow(const Real<W>& v, float* p) {
    typedef float Half __attribute__((vector_size(4 * W)));
    const Half half = __builtin_convertvector(v, Half);
    std::memcpy(p, &half, sizeof half);
}

// Square roots lane by lane (correctly rounded, so the same on every instruction set). Vectors go
// by reference into functions that may not be inlined: by value they would travel in registers that
// the caller, compiled for another instruction set, does not agree on.
template <int W>
inline void square_root(const Real<W>& x, Real<W>& out) {
    if constexpr (W == 1) {
        out = std::sqrt(x);
    } else {
        for (int k = 0; k < W; ++k) out[k] = std::sqrt(x[k]);
    }
}
#if defined(__x86_64__)
template <>
inline void square_root<2>(const Real<2>& x, Real<2>& out) {
    out = (Real<2>)_mm_sqrt_pd((__m128d)x);
}
template <>
M4DL_TARGET_AVX2 inline void square_root<4>(const Real<4>& x, Real<4>& out) {
    out = (Real<4>)_mm256_sqrt_pd((__m256d)x);
}
template <>
M4DL_TARGET_AVX512 inline void square_root<8>(const Real<8>& x, Real<8>& out) {
    out = (Real<8>)_mm512_sqrt_pd((__m512d)x);
}
#endif

enum class Level { kBaseline, kAvx2, kAvx512 };

// The widest instruction set of this processor among those compiled in; the environment variable
// M4DL_ISA=baseline|avx2|avx512 lowers it (for tests and timings).
Level level();
const char* level_name();

}  // namespace m4dl::simd

// Defines `result name(args)` choosing among kernel<2>, kernel<4>, kernel<8> at run time.
#if defined(__x86_64__)
#define M4DL_DISPATCH(kernel, name, parameters, arguments)                           \
    static void name##_baseline parameters { kernel<2> arguments; }                  \
    M4DL_TARGET_AVX2 static void name##_avx2 parameters { kernel<4> arguments; }     \
    M4DL_TARGET_AVX512 static void name##_avx512 parameters { kernel<8> arguments; } \
    void name parameters {                                                           \
        switch (simd::level()) {                                                     \
            case simd::Level::kAvx512: return name##_avx512 arguments;               \
            case simd::Level::kAvx2: return name##_avx2 arguments;                   \
            default: return name##_baseline arguments;                               \
        }                                                                            \
    }
#else
#define M4DL_DISPATCH(kernel, name, parameters, arguments) \
    void name parameters { kernel<2> arguments; }
#endif
