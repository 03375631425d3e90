// Geometric multigrid for the screened Poisson equation over lanes,
//
//     -s Lap_h u + f u = b   inside a box in two or three dimensions,   u = 0 on the boundary,
//
// s constant, f >= 0 a number per node and chain, Lap_h the differences of second order (2 d + 1
// points). Lanes share the differences and have an f of their own, so a level costs three numbers
// per node and chain.
//
// Corrections come from V-cycles in single precision, residuals from double precision (iterative
// refinement): each cycle reduces the error about tenfold, whatever the mesh, so a Krylov method
// would cost more than it saves. A cycle visits the finest level twice: on the way down it smooths
// by one red-black Gauss-Seidel sweep from zero, takes the residual (which is left on the red nodes
// alone) and restricts it; on the way up it interpolates (to the black nodes; the red ones are
// overwritten) and smooths. Each of the visits is one pass through the memory.
//
// Sources: Trottenberg, Oosterlee, Schueller, Multigrid (2001), sec. 2.5, 2.9 (red-black smoothing);
// Goeddeke, Strzodka, Turek, Int. J. Parallel Emerg. Distrib. Syst. 22 (2007) (mixed precision).
#pragma once

#include "m4dl/linalg/nested_grids.hpp"

namespace m4dl {

struct PoissonLevel : GridLevel {
    // Coupling of node i to i - 1 and i + 1 along each axis: s / (width mass).
    std::vector<std::vector<double>> below, above;
    Index red = 0;  // parity of i + j + k of the nodes smoothed first: those of the coarser grid
};

class ScreenedPoisson {
public:
    // `axes`: two or three, each with at least two cells; `scale`: s.
    ScreenedPoisson(std::vector<Axis> axes, double scale);

    struct Workspace {
        struct Fields {
            FloatBlock inverse, rhs, u;  // 1/diagonal, right-hand side, correction
        };
        std::vector<Fields> levels;
        Block f, u;                    // on all nodes of the finest level
        std::vector<double> sums;      // per slab: |correction|^2 and |u|^2
        Lanes cycles = Lanes::Zero();  // of the last solve
    };

    Workspace workspace() const;
    // Nodes inside, in C order: rows of f, b and x.
    Index unknowns() const { return unknowns_; }

    // f(inner node) = c(parameter[inner node]).
    void set(const Block& c, const std::vector<Index>& parameter, Workspace& w) const;
    // x := A^{-1} x to a relative error of `tolerance` (Euclidean norm over the nodes), estimated
    // from the rate of convergence; NaN in lanes that take more than `max_cycles`. A lane that has
    // converged does not change any more, so it does not depend on the others.
    void solve(Block& x, double tolerance, int max_cycles, Workspace& w) const;

    const std::vector<PoissonLevel>& levels() const { return levels_; }

private:
    std::vector<PoissonLevel> levels_;
    Index unknowns_ = 0;
};

}  // namespace m4dl
