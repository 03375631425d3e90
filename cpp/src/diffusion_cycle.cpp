#include "m4dl/linalg/diffusion_cycle.hpp"

#include "m4dl/linalg/diffusion_passes.hpp"
#include "m4dl/linalg/multigrid.hpp"

namespace m4dl {
namespace {

using namespace diffusion;
using Level = DiffusionCycle::Level;

struct Hierarchy {
    const std::vector<Level>& levels;
    DiffusionCycle::Workspace& fields;

    int bottom() const { return static_cast<int>(levels.size()) - 1; }
    Pass pass(int k) const {
        if (k == bottom()) return {levels[k], fields[k], nullptr, nullptr};
        return {levels[k], fields[k], &levels[k + 1], &fields[k + 1]};
    }
    void down(int k) const {
        const GridLevel& g = levels[k].grid;
        sweep(g, g.plane() ? 4 : 5, [&](const SlabRange& r) { go_down_slabs(pass(k), r); });
    }
    void down_from_coarse(int k) const {
        sweep(levels[k].grid, 5,
              [&](const SlabRange& r) { go_down_from_coarse_slabs(pass(k), r); });
    }
    void up(int k) const {
        sweep(levels[k].grid, 3, [&](const SlabRange& r) { go_up_slabs(pass(k), r); });
    }
    void restrict_rhs(int k) const {
        for_slabs(levels[k + 1].grid,
                  [&](Index begin, Index end) { restrict_rhs_slabs(pass(k), begin, end); });
    }
    void solve_coarsest() const { coarsest_slabs(pass(bottom())); }
    void invert_diagonal(int k) const {
        for_slabs(levels[k].grid,
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass(k), begin, end); });
    }
    void average(int k) const {
        const GridLevel& coarse = levels[k + 1].grid;
        for_ranges(coarse.slabs - 1, coarse.lines * coarse.nodes,
                   [&](Index begin, Index end) { average_slabs(pass(k), begin, end); });
    }
};
static_assert(MultigridPasses<Hierarchy>);

Index cells_of(const GridLevel& g) {
    Index n = 1;
    for (const Axis& x : g.axes) n *= x.cells();
    return n;
}

std::vector<DiffusionCycle::Share> shares_of(const Coarsening& c, const Axis& fine) {
    std::vector<DiffusionCycle::Share> out;
    for (Index cell = 0; cell < c.coarse.cells(); ++cell) {
        DiffusionCycle::Share s{c.kept[cell], 0, {0.0f, 0.0f}};
        for (Index k = c.kept[cell]; k < c.kept[cell + 1]; ++k)
            s.weight[s.count++] = static_cast<float>(fine.width(k) / c.coarse.width(cell));
        out.push_back(s);
    }
    return out;
}

}  // namespace

DiffusionCycle::DiffusionCycle(std::vector<Axis> axes) {
    for (GridLevel& g : nested_grids(std::move(axes))) {
        const Elements<float> elements(g.axes);
        std::vector<std::vector<Share>> shares;
        for (std::size_t a = 0; a < g.coarsening.size(); ++a)
            shares.push_back(shares_of(g.coarsening[a], g.axes[a]));
        levels_.push_back({std::move(g), elements, std::move(shares)});
    }
}

DiffusionCycle::Workspace DiffusionCycle::workspace() const {
    Workspace w;
    for (const Level& level : levels_) {
        auto field = [&] { return zeros<FloatBlock>(level.grid.size()); };
        w.push_back({zeros<FloatBlock>(cells_of(level.grid)), field(), field(), field(), field()});
    }
    return w;
}

void DiffusionCycle::set(Workspace& w) const {
    const Hierarchy h{levels_, w};
    for (int k = 0; k <= h.bottom(); ++k) {
        h.invert_diagonal(k);
        if (k < h.bottom()) h.average(k);
    }
}

void DiffusionCycle::v_cycle(Workspace& w) const { m4dl::v_cycle(Hierarchy{levels_, w}, 0); }

void DiffusionCycle::nested_iteration(Workspace& w) const {
    const Hierarchy h{levels_, w};
    begin_nested_iteration(h);
    if (h.bottom() > 0) h.up(0);
}

}  // namespace m4dl
