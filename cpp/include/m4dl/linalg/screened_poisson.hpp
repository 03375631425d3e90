// The screened Poisson equation over lanes (see poisson_cycle.hpp) to a given accuracy: corrections
// come from multigrid cycles in single precision, residuals from double precision (iterative
// refinement). A Krylov method on top would cost more than it saves.
//
// The first correction is a nested iteration; two cycles follow, without a residual in between, as
// single precision is good for that much; and so on until the error is small enough. The end of a
// cycle, the correction, the residual and the beginning of the next cycle are one wavefront.
//
// Source: Goeddeke, Strzodka, Turek, Int. J. Parallel Emerg. Distrib. Syst. 22 (2007) (mixed
// precision).
#pragma once

#include "m4dl/linalg/poisson_cycle.hpp"

namespace m4dl {

class ScreenedPoisson {
public:
    // `axes`: two or three, each with at least two cells; `scale`: s. f on the k-th line of nodes
    // inside (in C order) will be the coefficients from `coefficient[k]` on.
    ScreenedPoisson(std::vector<Axis> axes, double scale, std::vector<Index> coefficient);

    struct Workspace {
        PoissonLevels::Workspace cycle;
        Block u;                       // on all nodes
        const double* c = nullptr;     // the coefficients
        std::vector<double> sums;      // per slab: |correction|^2 and |u|^2
        Lanes cycles = Lanes::Zero();  // of the last solve
    };

    Workspace workspace() const;
    // Nodes inside, in C order: rows of b and x.
    Index unknowns() const { return unknowns_; }

    // The coefficients must stay where they are as long as the workspace is in use.
    void set(const Block& c, Workspace& w) const;
    // x := A^{-1} x to a relative error of `tolerance` (Euclidean norm over the nodes), estimated
    // from the rate of convergence; NaN in lanes that take more than `max_cycles`. A lane that has
    // converged does not change any more, so it does not depend on the others. Iterations start from
    // `unit` times `guess`, or from 0.
    void solve(Block& x, const Vector* guess, const Lanes& unit, double tolerance, int max_cycles,
               Workspace& w) const;

private:
    PoissonLevels levels_;
    std::vector<Index> coefficient_;
    Index unknowns_ = 1;
};

}  // namespace m4dl
