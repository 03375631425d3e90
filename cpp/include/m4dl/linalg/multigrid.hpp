// The order of a multigrid method's passes over its levels.
#pragma once

#include <concepts>

namespace m4dl {

// Levels are numbered from the finest, 0, to `bottom()`. What happens on them, level by level:
template <class P>
concept MultigridPasses = requires(const P& p, int k) {
    { p.bottom() } -> std::convertible_to<int>;
    p.down(k);              // smooth from u = 0; the residual is the right-hand side of level k + 1
    p.down_from_coarse(k);  // the same from u interpolated from level k + 1
    p.up(k);                // correct by level k + 1 and smooth
    p.restrict_rhs(k);      // the right-hand side of level k + 1 from that of level k
    p.solve_coarsest();
};

// From the right-hand side on level k: u there by one V-cycle from u = 0.
template <MultigridPasses P>
void v_cycle(const P& p, int k) {
    for (int j = k; j < p.bottom(); ++j) p.down(j);
    p.solve_coarsest();
    for (int j = p.bottom(); j-- > k;) p.up(j);
}

// On level 0 by nested iteration: each level starts from the solution of the coarser one and takes a
// V-cycle. The last step on level 0, up(0), is left to the caller.
template <MultigridPasses P>
void begin_nested_iteration(const P& p) {
    for (int k = 0; k < p.bottom(); ++k) p.restrict_rhs(k);
    p.solve_coarsest();
    for (int k = p.bottom(); k-- > 0;) {
        p.down_from_coarse(k);
        v_cycle(p, k + 1);
        if (k > 0) p.up(k);
    }
}

}  // namespace m4dl
