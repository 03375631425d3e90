#include "m4dl/solve/affine_operator.hpp"

#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int L = static_cast<int>(kLanes);

struct Terms {
    const AffineOperator::Position* varying;
    const Index *start, *column;  // of T, or of its transpose
    const double *value, *a0;
};

// (T c) for the entry varying[v].
template <int W>
M4DL_INLINE Real<W> row_times(const Terms& t, Index v, const double* c, int h) {
    Real<W> sum{};
    for (Index e = t.start[v]; e < t.start[v + 1]; ++e)
        sum += t.value[e] * load<W>(c + t.column[e] * L + h);
    return sum;
}

template <int W>
M4DL_INLINE void assemble_kernel(const Terms& t, const double* c, double* values, Index begin,
                                 Index end) {
    for (Index v = begin; v < end; ++v) {
        const Index entry = t.varying[v].entry;
        for (int h = 0; h < L; h += W)
            store<W>(values + entry * L + h, row_times<W>(t, v, c, h) + t.a0[entry]);
    }
}

// See AffineOperator::pull.
struct Pull {
    const double *lambda, *u, *factor;
    double* dc;
    bool add;
};

// By coefficients, each of which gathers from its entries: so that threads share none.
template <int W>
M4DL_INLINE void pull_kernel(const Terms& t, const Pull& x, Index begin, Index end) {
    for (Index k = begin; k < end; ++k)
        for (int h = 0; h < L; h += W) {
            auto at = [&](const double* field, Index row)
                          M4DL_INLINE_LAMBDA { return load<W>(field + row * L + h); };
            Real<W> sum = x.add ? at(x.dc, k) : Real<W>{};
            for (Index e = t.start[k]; e < t.start[k + 1]; ++e) {
                const auto& [entry, i, j] = t.varying[t.column[e]];
                Real<W> product = at(x.lambda, i) * at(x.u, j);
                if (i != j) product += at(x.lambda, j) * at(x.u, i);
                sum -= t.value[e] * product;
            }
            store<W>(x.dc + k * L + h, x.factor ? sum * at(x.factor, k) : sum);
        }
}

template <int W>
M4DL_INLINE void push_kernel(const Terms& t, Index count, const double* dc, const double* u,
                             double* du) {
    for (Index v = 0; v < count; ++v) {
        const auto [entry, i, j] = t.varying[v];
        for (int h = 0; h < L; h += W) {
            const Real<W> da = row_times<W>(t, v, dc, h);
            auto subtract = [&](Index to, Index from) M4DL_INLINE_LAMBDA {
                double* at = du + to * L + h;
                store<W>(at, load<W>(at) - da * load<W>(u + from * L + h));
            };
            subtract(i, j);
            if (i != j) subtract(j, i);
        }
    }
}

M4DL_DISPATCH(assemble_kernel, assemble_range,
              (const Terms& t, const double* c, double* values, Index begin, Index end),
              (t, c, values, begin, end))
M4DL_DISPATCH(pull_kernel, pull_range, (const Terms& t, const Pull& x, Index begin, Index end),
              (t, x, begin, end))
M4DL_DISPATCH(push_kernel, push_all,
              (const Terms& t, Index count, const double* dc, const double* u, double* du),
              (t, count, dc, u, du))

Terms view(const std::vector<AffineOperator::Position>& varying, const SparseRows& t,
           const Vector& a0) {
    return {varying.data(), t.start(), t.column(), t.value(), a0.data()};
}

}  // namespace

AffineOperator::AffineOperator(LowerPattern pattern, Vector a0, SparseRows terms)
    : pattern_(std::move(pattern)), a0_(std::move(a0)), terms_(std::move(terms)) {
    require(a0_.size() == pattern_.nonzeros() && terms_.rows() == pattern_.nonzeros(),
            "a0 and the terms must have one row for each of the ", pattern_.nonzeros(),
            " matrix entries");
    for (Index j = 0; j < pattern_.size; ++j)
        for (Index e = pattern_.column_start[j]; e < pattern_.column_start[j + 1]; ++e)
            if (!terms_.empty_row(e)) varying_.push_back({e, pattern_.row[e], j});
    terms_.drop_empty_rows();
    transposed_ = terms_.transposed();
}

void AffineOperator::assemble(const Block& c, Block& values) const {
    const Terms t = view(varying_, terms_, a0_);
    for_ranges(terms_.rows(), 2, [&](Index begin, Index end) {
        assemble_range(t, c.data(), values.data(), begin, end);
    });
}
void AffineOperator::pull(const Block& lambda, const Block& u, Block& dc, bool add,
                          const Block* factor) const {
    const Terms t = view(varying_, transposed_, a0_);
    const Pull pull{lambda.data(), u.data(), factor ? factor->data() : nullptr, dc.data(), add};
    for_ranges(transposed_.rows(), 3,
               [&](Index begin, Index end) { pull_range(t, pull, begin, end); });
}
void AffineOperator::push(const Block& dc, const Block& u, Block& du) const {
    push_all(view(varying_, terms_, a0_), terms_.rows(), dc.data(), u.data(), du.data());
}

}  // namespace m4dl
