// Coarse grids of a box for multigrid: each axis is halved for itself, whatever its number of cells.
//
// Two cells make one. Of an odd number the last one stays as it is, at alternating ends from level to
// level, so the grids remain nested and only the outermost cells differ from the others. (With three
// cells made one instead, a V-cycle reduces the error by 0.25; this way by 0.1, as on 2^k cells.)
#pragma once

#include <array>
#include <limits>
#include <vector>

#include "m4dl/base/block.hpp"

namespace m4dl {

// One axis of one level, with u = 0 at both ends.
struct Axis {
    std::vector<double> nodes;  // cells + 1 positions

    Index cells() const { return static_cast<Index>(nodes.size()) - 1; }
    double width(Index cell) const { return nodes[cell + 1] - nodes[cell]; }
    double smallest() const {
        double h = width(0);
        for (Index k = 1; k < cells(); ++k) h = std::min(h, width(k));
        return h;
    }
    // Lumped mass of a node inside.
    double mass(Index node) const { return 0.5 * (width(node - 1) + width(node)); }
};

// From the nodes of an axis to those of the next coarser one.
struct Coarsening {
    Axis coarse;
    std::vector<Index> kept;  // coarse node -> fine node
    // Linear interpolation: fine node i takes a[i] of coarse node left[i] and b[i] of the next.
    std::vector<Index> left;
    std::vector<double> a, b;
    // Restriction P' of integrals over hat functions, and M_c^{-1} P' M of values: coarse node I takes
    // these from kept[I] - 1, kept[I], kept[I] + 1.
    std::vector<std::array<double, 3>> hat, gather;

    bool halved() const { return coarse.cells() + 1 < static_cast<Index>(left.size()); }
    // Parity of the fine nodes that are kept inside (all are where the axis is not halved).
    Index parity() const { return halved() ? kept[1] % 2 : 0; }

    // `halve` or keep as it is; `level` chooses the end of a cell left over.
    Coarsening(const Axis& fine, bool halve, Index level) {
        const Index cells = fine.cells();
        const bool odd = cells % 2 == 1, at_start = odd && level % 2 == 1;
        for (Index k = 0; k <= cells; ++k)
            if (!halve || k == 0 || k == cells || (k % 2 == 1) == at_start) kept.push_back(k);
        for (const Index k : kept) coarse.nodes.push_back(fine.nodes[k]);
        left.resize(cells + 1);
        a.assign(cells + 1, 1.0);
        b.assign(cells + 1, 0.0);
        for (Index c = 0; c < coarse.cells(); ++c)
            for (Index k = kept[c]; k < kept[c + 1]; ++k) {
                left[k] = c;
                b[k] = (fine.nodes[k] - coarse.nodes[c]) / coarse.width(c);
                a[k] = 1.0 - b[k];
            }
        left[cells] = coarse.cells();
        hat.assign(kept.size(), {0.0, 0.0, 0.0});
        gather = hat;
        for (Index c = 1; c < coarse.cells(); ++c)
            for (Index step = -1; step <= 1; ++step) {
                const Index k = kept[c] + step;
                if (k == 0 || k == cells) continue;
                const double weight = left[k] == c ? a[k] : left[k] == c - 1 ? b[k] : 0.0;
                hat[c][step + 1] = weight;
                gather[c][step + 1] = weight * fine.mass(k) / coarse.mass(c);
            }
    }
};

// An axis is halved while it has inner nodes to spare and its cells are among the smallest: strong
// coupling along an axis must be resolved on coarser grids before the others.
inline std::vector<bool> axes_to_halve(const std::vector<Axis>& axes) {
    double h = std::numeric_limits<double>::infinity();
    for (const Axis& x : axes)
        if (x.cells() > 3) h = std::min(h, x.width(x.cells() / 2));
    std::vector<bool> out;
    for (const Axis& x : axes) out.push_back(x.cells() > 3 && x.width(x.cells() / 2) < 1.5 * h);
    return out;
}

}  // namespace m4dl
