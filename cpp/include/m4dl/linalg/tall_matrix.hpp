// A dense matrix with many rows and few columns, times lanes: a = V' x and x += V a.
#pragma once

#include "m4dl/base/block.hpp"

namespace m4dl {

class TallMatrix {
public:
    TallMatrix() = default;
    explicit TallMatrix(const Matrix& v);

    Index rows() const { return rows_; }
    Index cols() const { return cols_; }
    // Rows of the blocks `a` below: the columns, in whole tiles.
    Index padded_cols() const { return (cols_ + kTile - 1) / kTile * kTile; }

    void transpose_times(const Block& x, Block& a) const;  // a = V' x
    void add_times(const Block& a, Block& x) const;        // x += V a

    static constexpr Index kTile = 8;  // columns whose sums are registers
    static constexpr Index kRows =
        256;  // rows of a panel: 16 KB of x stay in the first-level cache

private:
    // Panels of rows; in each, tiles of columns one after the other; in each, its numbers by rows.
    // So both products read the matrix once, from front to back.
    Index rows_ = 0, cols_ = 0;
    std::vector<double> values_;
};

}  // namespace m4dl
