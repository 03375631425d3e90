#include "m4dl/model/affine_operator.hpp"

#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

constexpr int L = static_cast<int>(kLanes);

struct Terms {
    const AffineOperator::Position* varying;
    Index count;
    const Index *start, *column;
    const double *value, *a0;
};

// (T c)_e for the entry e.
template <int W>
M4DL_INLINE Real<W> row_times(const Terms& t, Index entry, const double* c, int h) {
    Real<W> sum{};
    for (Index e = t.start[entry]; e < t.start[entry + 1]; ++e)
        sum += t.value[e] * load<W>(c + t.column[e] * L + h);
    return sum;
}

template <int W>
M4DL_INLINE void assemble_kernel(const Terms& t, const double* c, double* values) {
    for (Index v = 0; v < t.count; ++v) {
        const Index entry = t.varying[v].entry;
        for (int h = 0; h < L; h += W)
            store<W>(values + entry * L + h, row_times<W>(t, entry, c, h) + t.a0[entry]);
    }
}

template <int W>
M4DL_INLINE void pull_kernel(const Terms& t, const double* lambda, const double* u, double* dc) {
    for (Index v = 0; v < t.count; ++v) {
        const auto [entry, i, j] = t.varying[v];
        for (int h = 0; h < L; h += W) {
            Real<W> product = load<W>(lambda + i * L + h) * load<W>(u + j * L + h);
            if (i != j) product += load<W>(lambda + j * L + h) * load<W>(u + i * L + h);
            for (Index e = t.start[entry]; e < t.start[entry + 1]; ++e) {
                double* to = dc + t.column[e] * L + h;
                store<W>(to, load<W>(to) - t.value[e] * product);
            }
        }
    }
}

template <int W>
M4DL_INLINE void push_kernel(const Terms& t, const double* dc, const double* u, double* du) {
    for (Index v = 0; v < t.count; ++v) {
        const auto [entry, i, j] = t.varying[v];
        for (int h = 0; h < L; h += W) {
            const Real<W> da = row_times<W>(t, entry, dc, h);
            auto subtract = [&](Index to, Index from) M4DL_INLINE_LAMBDA {
                double* at = du + to * L + h;
                store<W>(at, load<W>(at) - da * load<W>(u + from * L + h));
            };
            subtract(i, j);
            if (i != j) subtract(j, i);
        }
    }
}

M4DL_DISPATCH(assemble_kernel, assemble_all, (const Terms& t, const double* c, double* values),
              (t, c, values))
M4DL_DISPATCH(pull_kernel, pull_all,
              (const Terms& t, const double* lambda, const double* u, double* dc),
              (t, lambda, u, dc))
M4DL_DISPATCH(push_kernel, push_all,
              (const Terms& t, const double* dc, const double* u, double* du), (t, dc, u, du))

Terms view(const std::vector<AffineOperator::Position>& varying, const SparseRows& t,
           const Vector& a0) {
    return {varying.data(), static_cast<Index>(varying.size()), t.start(), t.column(), t.value(),
            a0.data()};
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
}

void AffineOperator::assemble(const Block& c, Block& values) const {
    assemble_all(view(varying_, terms_, a0_), c.data(), values.data());
}
void AffineOperator::pull(const Block& lambda, const Block& u, Block& dc) const {
    pull_all(view(varying_, terms_, a0_), lambda.data(), u.data(), dc.data());
}
void AffineOperator::push(const Block& dc, const Block& u, Block& du) const {
    push_all(view(varying_, terms_, a0_), dc.data(), u.data(), du.data());
}

}  // namespace m4dl
