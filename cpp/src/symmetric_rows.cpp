#include "m4dl/solve/symmetric_rows.hpp"

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/simd.hpp"

namespace m4dl {
namespace {

using simd::load, simd::Real, simd::store;

template <int W>
M4DL_INLINE void multiply_kernel(const SymmetricRows& a, const double* values, const double* p,
                                 double* w, Index begin, Index end) {
    constexpr int L = static_cast<int>(kLanes);
    for (Index i = begin; i < end; ++i)
        for (int h = 0; h < L; h += W) {
            Real<W> sum{};
            for (Index e = a.start[i]; e < a.start[i + 1]; ++e) {
                const auto& [j, varying, constant] = a.entries[e];
                const Real<W> x = load<W>(p + Index{j} * L + h);
                sum += varying < 0 ? constant * x : load<W>(values + Index{varying} * L + h) * x;
            }
            store<W>(w + i * L + h, sum);
        }
}

M4DL_DISPATCH(multiply_kernel, multiply,
              (const SymmetricRows& a, const double* values, const double* p, double* w,
               Index begin, Index end),
              (a, values, p, w, begin, end))

}  // namespace

SymmetricRows::SymmetricRows(const AffineOperator& a) {
    const LowerPattern& p = a.pattern();
    std::vector<bool> varies(static_cast<std::size_t>(p.nonzeros()));
    for (const auto& v : a.varying()) varies[v.entry] = true;
    start.assign(p.size + 1, 0);
    auto for_entries = [&](auto&& visit) {
        for (Index j = 0; j < p.size; ++j)
            for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
                visit(p.row[e], j, e);
                if (p.row[e] != j) visit(j, p.row[e], e);
            }
    };
    for_entries([&](Index i, Index, Index) { ++start[i + 1]; });
    for (Index i = 0; i < p.size; ++i) start[i + 1] += start[i];
    entries.resize(start.back());
    std::vector<Index> next = start;
    for_entries([&](Index i, Index j, Index e) {
        entries[next[i]++] = {static_cast<std::int32_t>(j),
                              static_cast<std::int32_t>(varies[e] ? e : -1), a.constant()[e]};
    });
}

void SymmetricRows::times(const Block& values, const Block& p, Block& w) const {
    for_ranges(p.rows(), 8, [&](Index begin, Index end) {
        multiply(*this, values.data(), p.data(), w.data(), begin, end);
    });
}

}  // namespace m4dl
