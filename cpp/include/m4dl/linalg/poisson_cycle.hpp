// Multigrid cycles over lanes, in single precision, for the screened Poisson equation
//
//     -s Lap_h u + f u = b   inside a box in two or three dimensions,   u = 0 on the boundary,
//
// s constant, f >= 0 a number per node and chain, Lap_h the differences of second order (2 d + 1
// points). Lanes share the differences and have an f of their own, so a level costs few numbers per
// node and chain.
//
// A V-cycle smooths by a red-black Gauss-Seidel sweep, takes the residual (which is left on the red
// nodes alone), restricts it, corrects, and smooths once more: errors fall to a twentieth. Nested
// iteration makes the first guess: b is restricted to all levels, and each level starts from the
// solution of the coarser one, interpolated, and takes one cycle. Where two cycles follow one another
// on the finest level the end of the first and the beginning of the second are one wavefront.
//
// Sources: Trottenberg, Oosterlee, Schueller, Multigrid (2001), sec. 2.5, 2.6 (nested iteration), 2.9
// (red-black smoothing).
#pragma once

#include "m4dl/linalg/poisson_stencil.hpp"

namespace m4dl {

class PoissonCycle {
public:
    // `axes`: two or three, each with at least two cells; `scale`: s.
    PoissonCycle(std::vector<Axis> axes, double scale);

    struct Fields {
        FloatBlock inverse, rhs, u;  // 1/diagonal, right-hand side, solution
        FloatBlock change;           // of the black nodes in the last sweep, of a few slabs
    };
    using Workspace = std::vector<Fields>;  // one a level, the finest first

    Workspace workspace() const;
    const PoissonLevel& finest() const { return levels_[0]; }

    // The operator, from f on the finest level, which lies where the right-hand side will be.
    void set(Workspace& w) const;
    // On the finest level: u := an approximation of A^{-1} rhs by `cycles` >= 1 V-cycles, from 0 or
    // from a nested iteration.
    void approximate(int cycles, bool nested, Workspace& w) const;

private:
    std::vector<PoissonLevel> levels_;
};

}  // namespace m4dl
