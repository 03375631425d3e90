#include "m4dl/solve/semidefinite.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>

namespace m4dl {
namespace {

constexpr double kRounding = 1e-12;
constexpr std::size_t kFewRows = 32;

// One symmetric matrix by the entries of its lower triangle that are not 0.
bool semidefinite(const std::vector<Entry>& entries) {
    std::vector<Index> rows;
    for (const Entry& e : entries) {
        rows.push_back(e.row);
        rows.push_back(e.column);
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    auto place = [&](Index i) {
        return std::lower_bound(rows.begin(), rows.end(), i) - rows.begin();
    };
    const auto size = static_cast<Index>(rows.size());
    Vector diagonal = Vector::Zero(size), beside = Vector::Zero(size);
    for (const Entry& e : entries)
        if (e.row == e.column) {
            diagonal[place(e.row)] += e.value;
        } else {
            beside[place(e.row)] += std::abs(e.value);
            beside[place(e.column)] += std::abs(e.value);
        }
    if ((beside.array() <= (1.0 + kRounding) * diagonal.array()).all()) return true;
    if (rows.size() > kFewRows) return false;
    Matrix a = Matrix::Zero(size, size);
    for (const Entry& e : entries) a(place(e.row), place(e.column)) += e.value;
    const Vector values =
        Eigen::SelfAdjointEigenSolver<Matrix>(a, Eigen::EigenvaluesOnly).eigenvalues();
    return values[0] >= -kRounding * values.cwiseAbs().maxCoeff();
}

}  // namespace

bool parts_are_semidefinite(const LowerPattern& pattern, const Vector& a0,
                            const SparseRows& terms) {
    std::vector<Entry> constant;
    std::vector<std::vector<Entry>> parts(static_cast<std::size_t>(terms.columns()));
    for (Index j = 0; j < pattern.size; ++j)
        for (Index e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e) {
            const Index i = pattern.row[e];
            if (a0[e] != 0.0) constant.push_back({i, j, a0[e]});
            for (Index t = terms.start()[e]; t < terms.start()[e + 1]; ++t)
                if (terms.value()[t] != 0.0)
                    parts[terms.column()[t]].push_back({i, j, terms.value()[t]});
        }
    return semidefinite(constant) && std::all_of(parts.begin(), parts.end(), semidefinite);
}

}  // namespace m4dl
