// Real transforms of lines, two at a time (see transform.hpp): what all of them share, and the kernels
// of each basis, compiled for the instruction set at hand.
#pragma once

#include "m4dl/linalg/transform.hpp"

namespace m4dl::lines {

using fft::kRow;
using simd::broadcast, simd::load, simd::Real, simd::store;
using Plan = LineTransform::Plan;

// Numbers of the rows of a field; a step of 0 repeats one for all.
struct Numbers {
    Numbers(const double* given, const double* neutral)
        : at(given ? given : neutral), step(given != nullptr) {}
    const double* at;
    Index step;
};

struct Task {
    LineTransform::Field field;
    Numbers before, after, shift;
};

// Two lines a and b of a field travel as the complex sequence a + i b, of which one complex
// transform is two real ones: with Z the transform, A_k = (Z_k + conj Z_{n-k})/2 and
// B_k = (Z_k - conj Z_{n-k})/(2i).
template <int W>
struct Pair {
    // An odd number of lines leaves the last one to pair with itself.
    M4DL_INLINE Pair(const Task& task, Index size, Index pair) : task(task), size(size) {
        const Index last = task.field.outer * task.field.inner - 1;
        a = start(2 * pair), b = start(std::min(2 * pair + 1, last));
    }
    M4DL_INLINE Index start(Index line) const {
        const Index inner = task.field.inner;
        return line / inner * size * inner + line % inner;
    }
    M4DL_INLINE Real<W> read(Index line, Index i, int half) const {
        const Index row = line + i * task.field.inner;
        return load<W>(task.field.from + row * kRow + half) *
               broadcast<W>(task.before.at[row * task.before.step]);
    }
    M4DL_INLINE void write(Index line, Index i, int half, Real<W> value) const {
        const Index row = line + i * task.field.inner;
        store<W>(task.field.to + row * kRow + half,
                 value * broadcast<W>(task.after.at[row * task.after.step]) +
                     broadcast<W>(task.shift.at[row * task.shift.step]));
    }
    const Task& task;
    Index size, a, b;
};

template <int W>
M4DL_INLINE void put(double* buffer, Index element, int half, Real<W> re, Real<W> im) {
    store<W>(buffer + 2 * element * kRow + half, re);
    store<W>(buffer + (2 * element + 1) * kRow + half, im);
}
template <int W>
M4DL_INLINE void get(const double* buffer, Index element, int half, Real<W>& re, Real<W>& im) {
    re = load<W>(buffer + 2 * element * kRow + half);
    im = load<W>(buffer + (2 * element + 1) * kRow + half);
}

// Pairs begin .. end - 1 of a task's lines.
struct Pairs {
    const Plan& plan;
    const Task& task;
    Index begin, end;
    double* buffer;
};
void dct1_pairs(const Pairs& pairs);
void dct2_pairs(const Pairs& pairs);  // DCT-II
void dct3_pairs(const Pairs& pairs);  // its transpose
void dst1_pairs(const Pairs& pairs);

// Defines name_pairs by the template name<W>, which transforms one pair.
#define M4DL_LINE_PAIRS(name)                                           \
    template <int W>                                                    \
    M4DL_INLINE void name##_kernel(const Pairs& p) {                    \
        for (Index k = p.begin; k < p.end; ++k)                         \
            name<W>(p.plan, Pair<W>(p.task, p.plan.size, k), p.buffer); \
    }                                                                   \
    M4DL_DISPATCH(name##_kernel, name##_pairs, (const Pairs& pairs), (pairs))

}  // namespace m4dl::lines
