#include "m4dl/linalg/aggregation.hpp"

#include <cmath>

namespace m4dl {
namespace {

// Couplings |a_ij| below kWeak sqrt(a_ii a_jj) are weak: not in one aggregate, and left out where
// the prolongation is smoothed. Half of it on each coarser level, whose stencils are wider.
constexpr double kWeak = 0.04;
constexpr Index kCoarse = 400;            // unknowns that are factored
constexpr Index kChunk = Index{1} << 14;  // rows of a chunk

SparseRows full_matrix(const LowerPattern& p, const Vector& values) {
    std::vector<Entry> entries;
    entries.reserve(static_cast<std::size_t>(2 * p.nonzeros()));
    for (Index j = 0; j < p.size; ++j)
        for (Index e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
            entries.push_back({p.row[e], j, values[e]});
            if (p.row[e] != j) entries.push_back({j, p.row[e], values[e]});
        }
    return {p.size, p.size, std::move(entries)};
}

Vector diagonal(const SparseRows& a) {
    Vector d = Vector::Zero(a.rows());
    for (Index i = 0; i < a.rows(); ++i)
        for (Index e = a.start()[i]; e < a.start()[i + 1]; ++e)
            if (a.column()[e] == i) d[i] = a.value()[e];
    return d;
}

// visit(j) for the strong neighbours j of i.
struct Strength {
    const SparseRows& a;
    Vector d;
    double weak;

    bool strong(Index i, Index e) const {
        const Index j = a.column()[e];
        return j != i && a.value()[e] * a.value()[e] >= weak * weak * d[i] * d[j];
    }
    template <class Visit>
    void neighbours(Index i, Visit&& visit) const {
        for (Index e = a.start()[i]; e < a.start()[i + 1]; ++e)
            if (strong(i, e)) visit(a.column()[e]);
    }
};

// The aggregate of each unknown, -1 for those without strong neighbours (which smoothing suffices
// for), and their number.
std::pair<std::vector<Index>, Index> aggregates(const Strength& s) {
    const Index n = s.a.rows();
    std::vector<Index> of(static_cast<std::size_t>(n), -1);
    Index count = 0;
    auto gather = [&](Index i) {
        of[i] = count;
        s.neighbours(i, [&](Index j) {
            if (of[j] < 0) of[j] = count;
        });
        ++count;
    };
    // Whole neighbourhoods first; then what is left joins one beside it; then the rest.
    for (Index i = 0; i < n; ++i) {
        bool free = of[i] < 0, any = false;
        s.neighbours(i, [&](Index j) {
            any = true;
            free = free && of[j] < 0;
        });
        if (free && any) gather(i);
    }
    const std::vector<Index> before = of;
    for (Index i = 0; i < n; ++i)
        if (of[i] < 0)
            s.neighbours(i, [&](Index j) {
                if (of[i] < 0) of[i] = before[j];
            });
    for (Index i = 0; i < n; ++i) {
        bool any = false;
        s.neighbours(i, [&](Index) { any = true; });
        if (of[i] < 0 && any) gather(i);
    }
    return {std::move(of), count};
}

// (I - 4/3 D^{-1} F) P for the piecewise constant P, F the matrix without weak couplings (their sum
// goes to the diagonal) and D the sums of the rows of |F|, so that D^{-1} F has no eigenvalue above 1.
SparseRows prolongation(const Strength& s, const std::vector<Index>& of, Index count) {
    std::vector<Entry> entries;
    for (Index i = 0; i < s.a.rows(); ++i) {
        double centre = s.d[i], sum = 0.0;
        for (Index e = s.a.start()[i]; e < s.a.start()[i + 1]; ++e) {
            if (s.a.column()[e] == i) continue;
            if (s.strong(i, e))
                sum += std::abs(s.a.value()[e]);
            else
                centre += s.a.value()[e];
        }
        const double factor = 4.0 / 3.0 / (std::abs(centre) + sum);
        if (of[i] >= 0) entries.push_back({i, of[i], 1.0 - factor * centre});
        for (Index e = s.a.start()[i]; e < s.a.start()[i + 1]; ++e)
            if (s.strong(i, e) && of[s.a.column()[e]] >= 0)
                entries.push_back({i, of[s.a.column()[e]], -factor * s.a.value()[e]});
    }
    return {s.a.rows(), count, std::move(entries)};
}

}  // namespace

Aggregation::Rows::Rows(const SparseRows& m)
    : start(m.start(), m.start() + m.rows() + 1),
      column(m.column(), m.column() + m.nonzeros()),
      value(m.value(), m.value() + m.nonzeros()) {}

Aggregation::Level::Level(const SparseRows& matrix)
    : size(matrix.rows()), chunk(std::min(kChunk, matrix.rows())), a(matrix) {
    const auto n = static_cast<std::size_t>(size);
    first.resize(n), middle.resize(n), last.resize(n), inverse.resize(n), excess.resize(n);
    for (Index i = 0; i < size; ++i) {
        const Index begin = i / chunk * chunk, end = begin + chunk;
        double centre = 0.0, outside = 0.0;
        first[i] = last[i] = middle[i] = a.start[i];
        for (Index e = a.start[i]; e < a.start[i + 1]; ++e) {
            const Index j = a.column[e];
            first[i] += j < begin;
            middle[i] += j < i;
            last[i] += j < end;
            if (j == i) centre = matrix.value()[e];
            if (j < begin || j >= end) outside += std::abs(matrix.value()[e]);
        }
        inverse[i] = static_cast<float>(1.0 / (centre + outside));
        excess[i] = static_cast<float>(outside);
    }
}

Aggregation::Aggregation(const LowerPattern& pattern, const Vector& values) {
    SparseRows a = full_matrix(pattern, values);
    for (double weak = kWeak; a.rows() > kCoarse; weak *= 0.5) {
        const Strength strength{a, diagonal(a), weak};
        failed_ = failed_ || !(strength.d.array() > 0.0).all();
        if (failed_) return;
        const auto [of, count] = aggregates(strength);
        if (2 * count > a.rows()) break;
        levels_.emplace_back(a);
        const SparseRows p = prolongation(strength, of, count), q = p.transposed();
        levels_.back().prolong = Rows(p);
        levels_.back().gather = Rows(q);
        a = q * (a * p);
    }
    coarse_size_ = a.rows();
    if (coarse_size_ == 0) return;
    std::vector<Entry> lower;
    for (Index i = 0; i < a.rows(); ++i)
        for (Index e = a.start()[i]; e < a.start()[i + 1] && a.column()[e] <= i; ++e)
            lower.push_back({i, a.column()[e], a.value()[e]});
    const LowerMatrix coarsest = lower_matrix(coarse_size_, lower);
    coarse_ = std::make_unique<SingleCholesky>(
        std::make_shared<Symbolic>(analyse(coarsest.pattern, Matrix())), coarsest.values);
    failed_ = coarse_->failed();
}

}  // namespace m4dl
