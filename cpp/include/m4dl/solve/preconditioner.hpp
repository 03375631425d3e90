// B close to the inverse of one matrix, in single precision, for all chains.
#pragma once

#include <functional>

#include "m4dl/linalg/symbolic.hpp"
#include "m4dl/solve/reference_state.hpp"

namespace m4dl {

struct Preconditioner : ReferenceState {
    // At work on one block of chains: from `rhs` to `result`, which may be the same.
    struct Work {
        virtual ~Work() = default;
        virtual FloatBlock& rhs() = 0;
        virtual FloatBlock& result() = 0;
        virtual void apply() = 0;
    };
    virtual std::unique_ptr<Work> work() const = 0;

    Vector diagonal;  // of the matrix
    // B is the inverse of the matrix divided by `unit`, a power of four near its entries, so that
    // their unit does not leave the range of single precision. No digit depends on it.
    double unit = 1.0;
};
using SharedPreconditioner = std::shared_ptr<const Preconditioner>;

// From the values of the lower triangle; null where they are of no positive definite matrix.
using Prepare = std::function<std::shared_ptr<Preconditioner>(const Vector& values)>;

// The Cholesky factor.
Prepare prepare_factor(const LowerPattern& pattern, const Matrix& coordinates);
// A cycle of algebraic multigrid. The pattern must live as long.
Prepare prepare_cycle(const LowerPattern& pattern);

}  // namespace m4dl
