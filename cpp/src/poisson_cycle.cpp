#include "m4dl/linalg/poisson_cycle.hpp"

#include "m4dl/linalg/poisson_passes.hpp"

namespace m4dl {

using namespace poisson;

void PoissonCycle::down(int k) const {
    sweep(level(k), 4, [&](const SlabRange& r) { go_down_slabs(pass(k), r); });
}
void PoissonCycle::down_from_coarse(int k) const {
    sweep(level(k), 5, [&](const SlabRange& r) { go_down_from_coarse_slabs(pass(k), r); });
}
void PoissonCycle::up(int k) const {
    sweep(level(k), 3, [&](const SlabRange& r) { go_up_slabs(pass(k), r); });
}
void PoissonCycle::up_and_down(int k) const {
    sweep(level(k), 7, [&](const SlabRange& r) { turn_slabs(pass(k), r); });
}
void PoissonCycle::restrict_rhs(int k) const {
    for_slabs(level(k + 1),
              [&](Index begin, Index end) { restrict_rhs_slabs(pass(k), begin, end); });
}
void PoissonCycle::solve_coarsest() const { coarsest_slabs(pass(bottom())); }

void PoissonCycle::set() const {
    for (int k = 0; k <= bottom(); ++k) {
        for_slabs(level(k),
                  [&](Index begin, Index end) { invert_diagonal_slabs(pass(k), begin, end); });
        if (k < bottom()) restrict_rhs(k);
    }
}

PoissonLevels::PoissonLevels(std::vector<Axis> axes, double scale) {
    for (GridLevel& grid : nested_grids(std::move(axes))) {
        PoissonLevel& g = emplace_back(PoissonLevel{std::move(grid), {}, {}, 0});
        for (const Axis& x : g.axes) {
            auto &below = g.below.emplace_back(x.cells() + 1),
                 &above = g.above.emplace_back(x.cells() + 1);
            for (Index k = 1; k < x.cells(); ++k) {
                below[k] = scale / (x.width(k - 1) * x.mass(k));
                above[k] = scale / (x.width(k) * x.mass(k));
            }
        }
        for (const Coarsening& c : g.coarsening) g.red += c.parity();
    }
}

PoissonLevels::Workspace PoissonLevels::workspace() const {
    Workspace w;
    for (const PoissonLevel& g : *this) {
        auto field = [&] { return zeros<FloatBlock>(g.size()); };
        w.push_back({field(), field(), field(), field()});
    }
    return w;
}

}  // namespace m4dl
