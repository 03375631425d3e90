// A symmetric sparse matrix whose entries are affine in a coefficient: values = a0 + T c (lower
// triangle), T constant and sparse. Assembly is one product with T, its derivative the transpose.
#pragma once

#include "m4dl/linalg/pattern.hpp"
#include "m4dl/linalg/sparse_rows.hpp"

namespace m4dl {

class AffineOperator {
public:
    AffineOperator(LowerPattern pattern, Vector a0, SparseRows terms);

    Index size() const { return pattern_.size; }
    Index parameters() const { return terms_.columns(); }
    const LowerPattern& pattern() const { return pattern_; }
    const Vector& constant() const { return a0_; }

    // An entry of the lower triangle that depends on c.
    struct Position {
        Index entry, row, column;
    };
    const std::vector<Position>& varying() const { return varying_; }

    bool varies_on_diagonal_only() const {
        return std::all_of(varying_.begin(), varying_.end(),
                           [](const Position& p) { return p.row == p.column; });
    }

    // The entries of the lower triangle, as they start: a0 in every lane.
    Block values() const { return a0_.array().replicate(1, kLanes); }
    // values := a0 + T c (the entries that vary).
    void assemble(const Block& c, Block& values) const;
    // dc_k := factor_k (dc_k - lambda' A_k u), the adjoint of the derivative of -A(c) u; without dc_k
    // on the right unless `add`, without the factor where there is none.
    void pull(const Block& lambda, const Block& u, Block& dc, bool add, const Block* factor) const;
    // du -= A(dc) u without the constant part.
    void push(const Block& dc, const Block& u, Block& du) const;

private:
    LowerPattern pattern_;
    Vector a0_;
    SparseRows terms_, transposed_;  // the rows of T that are not empty, and the transpose
    std::vector<Position> varying_;  // their entries
};

}  // namespace m4dl
