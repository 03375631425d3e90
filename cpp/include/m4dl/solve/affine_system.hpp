// The parts of a problem A(c) u_r = b_r(c) that is affine in its coefficients, and of what is observed:
// values of A (lower triangle) = a0 + T c, b_r = load_r + B_r c, y_r = O u_r + o_r.
#pragma once

#include "m4dl/solve/elliptic_solver.hpp"

namespace m4dl {

struct AffineSystem {
    LowerPattern pattern;
    Vector a0;                           // (nonzeros)
    SparseRows terms;                    // T: (nonzeros, coefficients)
    std::optional<SparseRows> mean;      // S: (coefficients, parameters)
    std::vector<Vector> load;            // one (unknowns) per right-hand side
    std::vector<SparseRows> load_terms;  // B_r: (unknowns, coefficients), or none
    SparseRows observe;                  // O: (points, unknowns)
    std::vector<Vector> offset;          // o_r: (points) per right-hand side: boundary values
    Matrix coordinates;                  // (unknowns, d) for the ordering, or empty
    std::optional<BoxProblem> box;       // for multigrid, where the mesh is a box
    bool semidefinite = false;  // A_0 and all A_k are known to be, and S has no negative entry
};

}  // namespace m4dl
