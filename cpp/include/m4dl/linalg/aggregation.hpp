// Algebraic multigrid by smoothed aggregation (Vanek, Mandel, Brezina, Computing 56, 1996) for one
// symmetric positive definite matrix of any mesh: a V-cycle in single precision, applied to all
// lanes, as a preconditioner.
//
// Smoothing is Gauss-Seidel within chunks of rows of a fixed length and Jacobi between them, the
// diagonal enlarged by the sums of the couplings between chunks, so that it converges (Baker, Falgout,
// Kolev, Yang, SIAM J. Sci. Comput. 33, 2011): forth on the way down, back on the way up, which
// makes the cycle symmetric. Chunks are what threads share.
#pragma once

#include <cstdint>

#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/pattern.hpp"

namespace m4dl {

class Aggregation {
public:
    // `values`: the entries of the lower triangle in the order of the pattern.
    Aggregation(const LowerPattern& pattern, const Vector& values);

    struct Fields {
        FloatBlock rhs, x, residual;
    };
    using Workspace = std::vector<Fields>;  // one for each level
    Workspace workspace() const;

    // One cycle for A x = rhs from x = 0, on the finest level of the workspace.
    void cycle(Workspace& w) const { descend(0, w); }

    // Whether all pivots were positive.
    bool failed() const { return failed_; }

    // A sparse matrix in single precision, by rows.
    struct Rows {
        std::vector<Index> start;
        std::vector<std::int32_t> column;
        std::vector<float> value;

        Rows() = default;
        explicit Rows(const SparseRows& m);
    };
    struct Level {
        Index size = 0, chunk = 0;
        Rows a, prolong, gather;  // P and P', from and to the next coarser level
        // In each row of a: where the entries of its own chunk begin, the diagonal, where they end.
        std::vector<Index> first, middle, last;
        std::vector<float> inverse, excess;  // of the enlarged diagonal; how much it was enlarged

        explicit Level(const SparseRows& matrix);
    };

private:
    void descend(std::size_t level, Workspace& w) const;

    std::vector<Level> levels_;               // all but the coarsest
    std::unique_ptr<SingleCholesky> coarse_;  // of the coarsest, unless it is empty
    Index coarse_size_ = 0;
    bool failed_ = false;
};

}  // namespace m4dl
