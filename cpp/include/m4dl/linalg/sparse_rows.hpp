// A constant sparse matrix by rows, applied to blocks: one product serves all chains.
#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "m4dl/base/block.hpp"
#include "m4dl/base/require.hpp"

namespace m4dl {

struct Entry {
    Index row, column;
    double value;
};

class SparseRows {
public:
    SparseRows() : start_(1, 0) {}
    // Sums repeated entries; drops nothing.
    SparseRows(Index rows, Index columns, std::vector<Entry> entries)
        : columns_(columns), start_(static_cast<std::size_t>(rows) + 1, 0) {
        for (const Entry& e : entries)
            require(e.row >= 0 && e.row < rows && e.column >= 0 && e.column < columns,
                    "matrix entry (", e.row, ", ", e.column, ") lies outside shape (", rows, ", ",
                    columns, ")");
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
            return std::tie(a.row, a.column) < std::tie(b.row, b.column);
        });
        Index last_row = -1;
        for (const Entry& e : entries) {
            if (e.row == last_row && column_.back() == e.column) {
                value_.back() += e.value;
                continue;
            }
            last_row = e.row;
            ++start_[e.row + 1];
            column_.push_back(e.column);
            value_.push_back(e.value);
        }
        for (Index r = 0; r < rows; ++r) start_[r + 1] += start_[r];
    }

    Index rows() const { return static_cast<Index>(start_.size()) - 1; }
    Index columns() const { return columns_; }
    Index nonzeros() const { return static_cast<Index>(value_.size()); }

    const Index* start() const { return start_.data(); }
    const Index* column() const { return column_.data(); }
    const double* value() const { return value_.data(); }

    bool empty_row(Index r) const { return start_[r] == start_[r + 1]; }

    // (M x)_r
    Lanes row_times(Index r, const Block& x) const {
        Lanes sum = Lanes::Zero();
        for (Index e = start_[r]; e < start_[r + 1]; ++e) sum += value_[e] * x.row(column_[e]);
        return sum;
    }
    // out += w M_r' : the adjoint of row_times
    void add_row_transposed(Index r, const Lanes& w, Block& out) const {
        for (Index e = start_[r]; e < start_[r + 1]; ++e) out.row(column_[e]) += value_[e] * w;
    }
    // y := M x
    void times(const Block& x, Block& y) const {
        for (Index r = 0; r < rows(); ++r) y.row(r) = row_times(r, x);
    }
    // y += M' x
    void add_transposed_times(const Block& x, Block& y) const {
        for (Index r = 0; r < rows(); ++r) add_row_transposed(r, x.row(r), y);
    }

private:
    Index columns_ = 0;
    std::vector<Index> start_, column_;
    std::vector<double> value_;
};

}  // namespace m4dl
