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

#include "m4dl/linalg/multigrid.hpp"
#include "m4dl/linalg/poisson_stencil.hpp"

namespace m4dl {

// The grids, the finest first.
struct PoissonLevels : std::vector<PoissonLevel> {
    // `axes`: two or three, each with at least two cells; `scale`: s.
    PoissonLevels(std::vector<Axis> axes, double scale);

    struct Fields {
        FloatBlock inverse, rhs, u;  // 1/diagonal, right-hand side, solution
        FloatBlock change;           // of the black nodes in the last sweep, of a few slabs
    };
    using Workspace = std::vector<Fields>;  // one a level
    Workspace workspace() const;
};

namespace poisson {

using Fields = PoissonLevels::Fields;

// One level and the next: what a pass over the first one touches.
struct Pass {
    const PoissonLevel& level;
    Fields& fields;
    const PoissonLevel* coarse;  // none below the coarsest
    Fields* below;
};

}  // namespace poisson

// The passes of a cycle at work on their fields; see MultigridPasses.
struct PoissonCycle {
    const PoissonLevels& levels;
    PoissonLevels::Workspace& fields;

    const PoissonLevel& level(int k) const { return levels[static_cast<std::size_t>(k)]; }
    int bottom() const { return static_cast<int>(levels.size()) - 1; }
    poisson::Pass pass(int k) const {
        if (k == bottom()) return {level(k), fields[k], nullptr, nullptr};
        return {level(k), fields[k], &level(k + 1), &fields[k + 1]};
    }

    // The operator, from f on the finest level, which lies where the right-hand side will be.
    void set() const;
    void down(int k) const;
    void down_from_coarse(int k) const;
    void up(int k) const;
    void up_and_down(int k) const;  // the end of a cycle and the beginning of the next
    void restrict_rhs(int k) const;
    void solve_coarsest() const;
};

static_assert(MultigridPasses<PoissonCycle>);

}  // namespace m4dl
