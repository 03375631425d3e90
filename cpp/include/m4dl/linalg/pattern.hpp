// The sparsity pattern of a symmetric matrix: its lower triangle by columns, sorted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "m4dl/linalg/sparse_rows.hpp"

namespace m4dl {

struct LowerPattern {
    Index size = 0;
    std::vector<Index> column_start;  // size + 1
    std::vector<Index> row;           // row >= column, ascending within a column

    Index nonzeros() const { return static_cast<Index>(row.size()); }

    // Position of entry (i, j) in `row`; the entry must be in the pattern.
    Index find(Index i, Index j) const {
        if (i < j) std::swap(i, j);
        const auto begin = row.begin() + column_start[j], end = row.begin() + column_start[j + 1];
        const auto it = std::lower_bound(begin, end, i);
        require(it != end && *it == i, "matrix entry (", i, ", ", j, ") is not in the pattern");
        return it - row.begin();
    }
};

// The pattern that holds the given entries (either triangle, repeats allowed) and the diagonal.
inline LowerPattern make_pattern(Index size, std::vector<std::pair<Index, Index>> entries) {
    for (auto& [i, j] : entries) {
        require(i >= 0 && i < size && j >= 0 && j < size, "matrix entry (", i, ", ", j,
                ") lies outside a matrix of size ", size);
        if (i >= j) std::swap(i, j);  // now (column, row)
    }
    for (Index k = 0; k < size; ++k) entries.emplace_back(k, k);
    entries = counting_sort(entries, size, [](const auto& e) { return e.second; });
    entries = counting_sort(entries, size, [](const auto& e) { return e.first; });
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    LowerPattern p;
    p.size = size;
    p.column_start.assign(size + 1, 0);
    p.row.reserve(entries.size());
    for (const auto& [column, row] : entries) {
        ++p.column_start[column + 1];
        p.row.push_back(row);
    }
    for (Index k = 0; k < size; ++k) p.column_start[k + 1] += p.column_start[k];
    return p;
}

// A symmetric matrix from entries of one triangle; repeated ones are added.
struct LowerMatrix {
    LowerPattern pattern;
    Vector values;
};
inline LowerMatrix lower_matrix(Index size, const std::vector<Entry>& entries) {
    std::vector<std::pair<Index, Index>> positions;
    positions.reserve(entries.size() + static_cast<std::size_t>(size));
    for (const Entry& e : entries) positions.emplace_back(e.row, e.column);
    LowerMatrix a{make_pattern(size, std::move(positions)), {}};
    a.values = Vector::Zero(a.pattern.nonzeros());
    for (const Entry& e : entries) a.values[a.pattern.find(e.row, e.column)] += e.value;
    return a;
}

}  // namespace m4dl
