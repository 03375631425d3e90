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
M4DL_INLINE void products_kernel(const double* r, const float* z, Index rows, double* rz,
                                 double* zz) {
    for (int h = 0; h < L; h += W) {
        Real<W> a{}, b{};
        for (Index k = 0; k < rows; ++k) {
            Real<W> v;
            simd::widen<W>(z + k * L + h, v);
            a += load<W>(r + k * L + h) * v;
            b += v * v;
        }
        store<W>(rz + h, a);
        store<W>(zz + h, b);
    }
}
template <int W>
M4DL_INLINE void direction_kernel(const float* z, const double* beta, double* p, Index rows) {
    for (int h = 0; h < L; h += W) {
        const Real<W> factor = beta ? load<W>(beta + h) : Real<W>{};
        const bool turn = beta != nullptr;
        for (Index k = 0; k < rows; ++k) {
            Real<W> v;
            simd::widen<W>(z + k * L + h, v);
            store<W>(p + k * L + h, turn ? v + factor * load<W>(p + k * L + h) : v);
        }
    }
}
template <int W>
M4DL_INLINE void step_kernel(const double* alpha, const double* p, const double* w, bool fresh,
                             double* x, double* r, Index rows, double* steps, double* solutions) {
    for (int h = 0; h < L; h += W) {
        const Real<W> factor = load<W>(alpha + h);
        Real<W> ss{}, xx{};
        for (Index k = 0; k < rows; ++k) {
            const Index at = k * L + h;
            const Real<W> step = factor * load<W>(p + at);
            const Real<W> next = fresh ? step : load<W>(x + at) + step;
            store<W>(x + at, next);
            store<W>(r + at, load<W>(r + at) - factor * load<W>(w + at));
            ss += step * step;
            xx += next * next;
        }
        store<W>(steps + h, ss);
        store<W>(solutions + h, xx);
    }
}

M4DL_DISPATCH(dot_kernel, dot_rows, (const double* a, const double* b, Index rows, double* sum),
              (a, b, rows, sum))
M4DL_DISPATCH(products_kernel, products_rows,
              (const double* r, const float* z, Index rows, double* rz, double* zz),
              (r, z, rows, rz, zz))
M4DL_DISPATCH(direction_kernel, direction_rows,
              (const float* z, const double* beta, double* p, Index rows), (z, beta, p, rows))
M4DL_DISPATCH(step_kernel, step_rows,
              (const double* alpha, const double* p, const double* w, bool fresh, double* x,
               double* r, Index rows, double* steps, double* solutions),
              (alpha, p, w, fresh, x, r, rows, steps, solutions))

Index chunk_size(Index rows) { return std::max(kChunk, (rows + kMostChunks - 1) / kMostChunks); }
Index chunk_count(Index rows) { return (rows + chunk_size(rows) - 1) / chunk_size(rows); }

Lanes sum_chunks(Index rows, const double* sums) {
    Lanes total = Lanes::Zero();
    for (Index c = 0; c < chunk_count(rows); ++c) total += Eigen::Map<const Lanes>(sums + c * L);
    return total;
}

// body(first row, rows, sum, number) for each chunk; returns the sum of the sums, in order.
template <class Body>
Lanes over_chunks(Index rows, Body&& body) {
    const Index chunk = chunk_size(rows), chunks = chunk_count(rows);
    alignas(64) double sums[kMostChunks * L];
    for_ranges(chunks, chunk, [&](Index begin, Index end) {
        for (Index c = begin; c < end; ++c)
            body(c * chunk, std::min(chunk, rows - c * chunk), sums + c * L, c);
    });
    return sum_chunks(rows, sums);
}

}  // namespace

Lanes dot(const Block& a, const Block& b) {
    return over_chunks(a.rows(), [&](Index first, Index rows, double* sum, Index) {
        dot_rows(a.data() + first * L, b.data() + first * L, rows, sum);
    });
}

Products products(const Block& r, const FloatBlock& z) {
    alignas(64) double squares[kMostChunks * L];
    Products out;
    out.rz = over_chunks(r.rows(), [&](Index first, Index rows, double* sum, Index chunk) {
        products_rows(r.data() + first * L, z.data() + first * L, rows, sum, squares + chunk * L);
    });
    out.zz = sum_chunks(r.rows(), squares);
    return out;
}

void direction(const FloatBlock& z, const Lanes* beta, Block& p) {
    for_ranges(p.rows(), 1, [&](Index begin, Index end) {
        direction_rows(z.data() + begin * L, beta ? beta->data() : nullptr, p.data() + begin * L,
                       end - begin);
    });
}

Step step(const Lanes& alpha, const Block& p, const Block& w, bool fresh, Block& x, Block& r) {
    alignas(64) double solutions[kMostChunks * L];
    Step out;
    out.step = over_chunks(x.rows(), [&](Index first, Index rows, double* sum, Index chunk) {
        const Index at = first * L;
        step_rows(alpha.data(), p.data() + at, w.data() + at, fresh, x.data() + at, r.data() + at,
                  rows, sum, solutions + chunk * L);
    });
    out.solution = sum_chunks(x.rows(), solutions);
    return out;
}

}  // namespace m4dl::cg
