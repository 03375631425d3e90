// The grids of a multigrid method on a box.
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/base/require.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/coarsening.hpp"

namespace m4dl {

// One grid. Fields hold all nodes, the boundary's zeros included, in C order: slabs along the first
// axis, lines along the middle one (one line in two dimensions), nodes along the last.
struct GridLevel {
    std::vector<Axis> axes;
    Index slabs = 0, lines = 0, nodes = 0;
    std::vector<Coarsening> coarsening;  // to the next level; empty on the coarsest

    bool plane() const { return axes.size() == 2; }
    Index size() const { return slabs * lines * nodes; }
    Index line(Index slab, Index line) const { return (slab * lines + line) * nodes; }
};

// First node inside a line whose index has this parity.
M4DL_INLINE Index first_of(Index parity) { return (parity & 1) ? 1 : 2; }

// body(line, its first node in the field) for the lines inside a slab, in D dimensions.
template <int D, class Body>
M4DL_INLINE void for_lines(const GridLevel& g, Index slab, Body&& body) {
    if constexpr (D == 2)
        body(Index{0}, g.line(slab, 0));
    else
        for (Index l = 1; l + 1 < g.lines; ++l) body(l, g.line(slab, l));
}

// From the given axes down to at most three cells along each.
inline std::vector<GridLevel> nested_grids(std::vector<Axis> axes) {
    require(axes.size() == 2 || axes.size() == 3, "multigrid needs two or three axes, got ",
            axes.size());
    for (const Axis& x : axes)
        require(x.cells() >= 2, "multigrid needs at least two cells along each axis");
    std::vector<GridLevel> out;
    for (Index depth = 0;; ++depth) {
        GridLevel& g = out.emplace_back();
        g.axes = axes;
        g.slabs = axes.front().cells() + 1;
        g.lines = axes.size() == 3 ? axes[1].cells() + 1 : 1;
        g.nodes = axes.back().cells() + 1;
        const std::vector<bool> halve = axes_to_halve(axes);
        if (std::find(halve.begin(), halve.end(), true) == halve.end()) return out;
        for (std::size_t a = 0; a < axes.size(); ++a) {
            g.coarsening.emplace_back(axes[a], halve[a], depth);
            axes[a] = g.coarsening.back().coarse;
        }
    }
}

// body(begin, end) over the slabs inside, on the threads of this block.
template <class Body>
void for_slabs(const GridLevel& g, Body&& body) {
    for_ranges(g.slabs - 2, g.lines * g.nodes,
               [&](Index begin, Index end) { body(begin + 1, end + 1); });
}

// visit(first node of a line inside in the field, its first row among the nodes inside, nodes).
template <class Visit>
void for_inner_lines(const GridLevel& g, Index begin, Index end, Visit&& visit) {
    const Index inside = g.nodes - 2, lines = g.plane() ? 1 : g.lines - 2;
    for (Index i = begin; i < end; ++i)
        for (Index l = 0; l < lines; ++l)
            visit(g.line(i, g.plane() ? 0 : l + 1) + 1, ((i - 1) * lines + l) * inside, inside);
}

}  // namespace m4dl
