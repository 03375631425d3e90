#include "m4dl/linalg/conjugate_gradients.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl::cg {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int L = static_cast<int>(kLanes);
constexpr Index kChunk = 4096;  // rows summed by themselves, so that threads change no sum
constexpr Index kMostChunks = 256;

template <int W>
M4DL_INLINE void dot_kernel(const double* a, const double* b, Index rows, double* sum) {
    for (int h = 0; h < L; h += W) {
        Real<W> s{};
        for (Index k = 0; k < rows; ++k) s += load<W>(a + k * L + h) * load<W>(b + k * L + h);
        store<W>(sum + h, s);
    }
}
template <int W>
M4DL_INLINE void direction_kernel(const double* z, const double* beta, double* p, Index rows) {
    for (int h = 0; h < L; h += W) {
        const Real<W> factor = load<W>(beta + h);
        for (Index k = 0; k < rows; ++k)
            store<W>(p + k * L + h, load<W>(z + k * L + h) + factor * load<W>(p + k * L + h));
    }
}
template <int W>
M4DL_INLINE void step_kernel(const double* alpha, const double* p, const double* w, double* x,
                             double* r, Index rows, double* sum) {
    for (int h = 0; h < L; h += W) {
        const Real<W> factor = load<W>(alpha + h);
        Real<W> s{};
        for (Index k = 0; k < rows; ++k) {
            const Index at = k * L + h;
            const Real<W> next = load<W>(x + at) + factor * load<W>(p + at);
            store<W>(x + at, next);
            store<W>(r + at, load<W>(r + at) - factor * load<W>(w + at));
            s += next * next;
        }
        store<W>(sum + h, s);
    }
}

M4DL_DISPATCH(dot_kernel, dot_rows, (const double* a, const double* b, Index rows, double* sum),
              (a, b, rows, sum))
M4DL_DISPATCH(direction_kernel, direction_rows,
              (const double* z, const double* beta, double* p, Index rows), (z, beta, p, rows))
M4DL_DISPATCH(step_kernel, step_rows,
              (const double* alpha, const double* p, const double* w, double* x, double* r,
               Index rows, double* sum),
              (alpha, p, w, x, r, rows, sum))

// body(first row, rows, sum) for each chunk; returns the sum of the sums, in order.
template <class Body>
Lanes over_chunks(Index rows, Body&& body) {
    const Index chunk = std::max(kChunk, (rows + kMostChunks - 1) / kMostChunks);
    const Index chunks = (rows + chunk - 1) / chunk;
    alignas(64) double sums[kMostChunks * L];
    for_ranges(chunks, chunk, [&](Index begin, Index end) {
        for (Index c = begin; c < end; ++c)
            body(c * chunk, std::min(chunk, rows - c * chunk), sums + c * L);
    });
    Lanes total = Lanes::Zero();
    for (Index c = 0; c < chunks; ++c) total += Eigen::Map<const Lanes>(sums + c * L);
    return total;
}

}  // namespace

Lanes dot(const Block& a, const Block& b) {
    return over_chunks(a.rows(), [&](Index first, Index rows, double* sum) {
        dot_rows(a.data() + first * L, b.data() + first * L, rows, sum);
    });
}

void direction(const Block& z, const Lanes& beta, Block& p) {
    for_ranges(p.rows(), 1, [&](Index begin, Index end) {
        direction_rows(z.data() + begin * L, beta.data(), p.data() + begin * L, end - begin);
    });
}

Lanes step(const Lanes& alpha, const Block& p, const Block& w, Block& x, Block& r) {
    return over_chunks(x.rows(), [&](Index first, Index rows, double* sum) {
        const Index at = first * L;
        step_rows(alpha.data(), p.data() + at, w.data() + at, x.data() + at, r.data() + at, rows,
                  sum);
    });
}

}  // namespace m4dl::cg
