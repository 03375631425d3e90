#include "m4dl/linalg/aggregation.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::Float, simd::load, simd::store;
using Level = Aggregation::Level;
using Rows = Aggregation::Rows;

constexpr int L = static_cast<int>(kLanes);

// What the entries begin..end-1 of a row contribute to a product with x.
template <int W>
M4DL_INLINE Float<W> sum_of(const Rows& a, Index begin, Index end, const float* x) {
    Float<W> even{}, odd{};
    Index e = begin;
    for (; e + 1 < end; e += 2) {
        even += a.value[e] * load<W>(x + Index{a.column[e]} * L);
        odd += a.value[e + 1] * load<W>(x + Index{a.column[e + 1]} * L);
    }
    if (e < end) even += a.value[e] * load<W>(x + Index{a.column[e]} * L);
    return even + odd;
}

// x := M^{-1} r, M the lower triangle within the chunk of rows begin..end-1.
template <int W>
M4DL_INLINE void forth_kernel(const Level& g, const float* r, float* x, Index begin, Index end) {
    for (int h = 0; h < L; h += simd::kFloatWidth<W>)
        for (Index i = begin; i < end; ++i) {
            const Float<W> sum = sum_of<W>(g.a, g.first[i], g.middle[i], x + h);
            store<W>(x + i * L + h, g.inverse[i] * (load<W>(r + i * L + h) - sum));
        }
}

// x += M^{-T} s; s is overwritten.
template <int W>
M4DL_INLINE void back_kernel(const Level& g, float* s, float* x, Index begin, Index end) {
    for (int h = 0; h < L; h += simd::kFloatWidth<W>)
        for (Index i = end; i-- > begin;) {
            float *at = s + i * L + h, *to = x + i * L + h;
            const Float<W> sum = sum_of<W>(g.a, g.middle[i] + 1, g.last[i], s + h);
            const Float<W> change = g.inverse[i] * (load<W>(at) - sum);
            store<W>(at, change);
            store<W>(to, load<W>(to) + change);
        }
}

// s := r - A x after x = M^{-1} r: what M holds is 0 but for the excess of its diagonal.
template <int W>
M4DL_INLINE void rest_kernel(const Level& g, const float* x, float* s, Index begin, Index end) {
    for (int h = 0; h < L; h += simd::kFloatWidth<W>)
        for (Index i = begin; i < end; ++i) {
            const Float<W> before = sum_of<W>(g.a, g.a.start[i], g.first[i], x + h);
            const Float<W> after = sum_of<W>(g.a, g.middle[i] + 1, g.a.start[i + 1], x + h);
            store<W>(s + i * L + h, g.excess[i] * load<W>(x + i * L + h) - before - after);
        }
}

// s := r - A x
template <int W>
M4DL_INLINE void residual_kernel(const Level& g, const float* r, const float* x, float* s,
                                 Index begin, Index end) {
    for (int h = 0; h < L; h += simd::kFloatWidth<W>)
        for (Index i = begin; i < end; ++i)
            store<W>(s + i * L + h, load<W>(r + i * L + h) -
                                        sum_of<W>(g.a, g.a.start[i], g.a.start[i + 1], x + h));
}

// y := M x, or y += M x.
template <int W>
M4DL_INLINE void product_kernel(const Rows& m, const float* x, float* y, bool add, Index begin,
                                Index end) {
    for (int h = 0; h < L; h += simd::kFloatWidth<W>)
        for (Index i = begin; i < end; ++i) {
            Float<W> sum = sum_of<W>(m, m.start[i], m.start[i + 1], x + h);
            if (add) sum += load<W>(y + i * L + h);
            store<W>(y + i * L + h, sum);
        }
}

M4DL_DISPATCH(forth_kernel, forth,
              (const Level& g, const float* r, float* x, Index begin, Index end),
              (g, r, x, begin, end))
M4DL_DISPATCH(back_kernel, back, (const Level& g, float* s, float* x, Index begin, Index end),
              (g, s, x, begin, end))
M4DL_DISPATCH(rest_kernel, rest, (const Level& g, const float* x, float* s, Index begin, Index end),
              (g, x, s, begin, end))
M4DL_DISPATCH(residual_kernel, residual,
              (const Level& g, const float* r, const float* x, float* s, Index begin, Index end),
              (g, r, x, s, begin, end))
M4DL_DISPATCH(product_kernel, product,
              (const Rows& m, const float* x, float* y, bool add, Index begin, Index end),
              (m, x, y, add, begin, end))

template <class Body>
void for_chunks(const Level& g, Body&& body) {
    for_ranges((g.size + g.chunk - 1) / g.chunk, 2 * g.chunk, [&](Index begin, Index end) {
        for (Index c = begin; c < end; ++c) body(c * g.chunk, std::min(g.size, (c + 1) * g.chunk));
    });
}

}  // namespace

Aggregation::Workspace Aggregation::workspace() const {
    Workspace w;
    auto add = [&](Index rows) {
        const FloatBlock zero = FloatBlock::Zero(rows, kLanes);
        w.push_back({zero, zero, zero});
    };
    for (const Level& g : levels_) add(g.size);
    add(coarse_size_);
    return w;
}

void Aggregation::descend(std::size_t level, Workspace& w) const {
    auto& [rhs, x, s] = w[level];
    if (level == levels_.size()) {
        if (coarse_size_ == 0) return;
        x = rhs;
        coarse_->solve(x, s);
        return;
    }
    const Level& g = levels_[level];
    const float* r = rhs.data();
    float *u = x.data(), *t = s.data();
    Fields& below = w[level + 1];
    for_chunks(g, [&](Index begin, Index end) { forth(g, r, u, begin, end); });
    for_ranges(g.size, 2, [&](Index begin, Index end) { rest(g, u, t, begin, end); });
    for_ranges(below.rhs.rows(), 8, [&](Index begin, Index end) {
        product(g.gather, t, below.rhs.data(), false, begin, end);
    });
    descend(level + 1, w);
    for_ranges(g.size, 2, [&](Index begin, Index end) {
        product(g.prolong, below.x.data(), u, true, begin, end);
    });
    for_ranges(g.size, 2, [&](Index begin, Index end) { residual(g, r, u, t, begin, end); });
    for_chunks(g, [&](Index begin, Index end) { back(g, t, u, begin, end); });
}

}  // namespace m4dl
