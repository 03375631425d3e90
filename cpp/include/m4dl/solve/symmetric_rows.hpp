// All entries of a symmetric matrix A(c) by rows, as needed for w = A p without scattering: where an
// entry varies it is read from the values of the lower triangle, else it is one constant.
#pragma once

#include <cstdint>

#include "m4dl/solve/affine_operator.hpp"

namespace m4dl {

struct SymmetricRows {
    struct Entry {
        std::int32_t column, varying;  // -1: constant
        double constant;
    };
    std::vector<Index> start;
    std::vector<Entry> entries;

    explicit SymmetricRows(const AffineOperator& a);

    // w := A p, A from the values that AffineOperator::assemble wrote.
    void times(const Block& values, const Block& p, Block& w) const;
};

}  // namespace m4dl
