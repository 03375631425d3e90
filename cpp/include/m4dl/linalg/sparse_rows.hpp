// A constant sparse matrix by rows, applied to blocks: one product serves all chains.
#pragma once

#include <algorithm>
#include <vector>

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"
#include "m4dl/linalg/counting_sort.hpp"

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
        entries = counting_sort(entries, columns, [](const Entry& e) { return e.column; });
        entries = counting_sort(entries, rows, [](const Entry& e) { return e.row; });
        std::size_t kept = 0;
        for (const Entry& e : entries) {
            if (kept > 0 && entries[kept - 1].row == e.row && entries[kept - 1].column == e.column)
                entries[kept - 1].value += e.value;
            else
                entries[kept++] = e;
        }
        entries.resize(kept);
        column_.reserve(kept);
        value_.reserve(kept);
        for (const Entry& e : entries) {
            ++start_[e.row + 1];
            column_.push_back(e.column);
            value_.push_back(e.value);
        }
        std::partial_sum(start_.begin(), start_.end(), start_.begin());
    }

    // A B by rows (Gustavson, ACM Trans. Math. Softw. 4, 1978).
    friend SparseRows operator*(const SparseRows& a, const SparseRows& b) {
        require(a.columns_ == b.rows(), "matrices of shapes (", a.rows(), ", ", a.columns_,
                ") and (", b.rows(), ", ", b.columns_, ") have no product");
        SparseRows out;
        out.columns_ = b.columns_;
        out.start_.reserve(a.start_.size());
        std::vector<double> sum(static_cast<std::size_t>(b.columns_), 0.0);
        std::vector<bool> present(sum.size(), false);
        std::vector<Index> columns;  // those present in the row
        for (Index r = 0; r < a.rows(); ++r) {
            for (Index e = a.start_[r]; e < a.start_[r + 1]; ++e)
                for (Index f = b.start_[a.column_[e]]; f < b.start_[a.column_[e] + 1]; ++f) {
                    const Index c = b.column_[f];
                    if (!present[c]) columns.push_back(c);
                    present[c] = true;
                    sum[c] += a.value_[e] * b.value_[f];
                }
            std::sort(columns.begin(), columns.end());
            for (const Index c : columns) {
                out.column_.push_back(c);
                out.value_.push_back(sum[c]);
                sum[c] = 0.0;
                present[c] = false;
            }
            columns.clear();
            out.start_.push_back(static_cast<Index>(out.column_.size()));
        }
        return out;
    }

    void drop_empty_rows() {
        start_.erase(std::unique(start_.begin(), start_.end()), start_.end());
    }

    SparseRows transposed() const {
        SparseRows out;
        out.columns_ = rows();
        out.start_.assign(static_cast<std::size_t>(columns_) + 1, 0);
        for (const Index c : column_) ++out.start_[c + 1];
        std::partial_sum(out.start_.begin(), out.start_.end(), out.start_.begin());
        out.column_.resize(column_.size());
        out.value_.resize(value_.size());
        std::vector<Index> next = out.start_;
        for (Index r = 0; r < rows(); ++r)
            for (Index e = start_[r]; e < start_[r + 1]; ++e) {
                const Index to = next[column_[e]]++;
                out.column_[to] = r;
                out.value_[to] = value_[e];
            }
        return out;
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
        for_rows(rows(), [&](Index r) { y.row(r) = row_times(r, x); });
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
