#include "m4dl/linalg/screened_poisson.hpp"

#include "m4dl/linalg/poisson_refinement.hpp"

namespace m4dl {
namespace {

using namespace poisson;

// Error estimates trust no rate of convergence of a cycle below this: the first ones may be lucky.
// What nested iteration reached says less about the cycles that follow.
// Slow convergence is irregular: there the estimate is doubled.
constexpr double kFastestRate = 0.05, kFastestRateAtFirst = 0.1, kSlowRate = 0.2;

// The error that is left in each lane, as far as the corrections tell.
struct ErrorEstimate {
    Lanes previous = lanes_nan();  // size of the last correction
    int cycles = 0;                // that it took; 0 before the first one
    bool nested = true;            // it was a nested iteration

    // After a correction of size z by some cycles. The error was close to z, and the last correction
    // left it of the last one's: that tells the rate.
    double left(Index lane, double z, int now) const {
        if (cycles == 0) return std::numeric_limits<double>::infinity();
        const double ratio = z / previous[lane];
        const double rate = std::max(cycles == 1 ? ratio : std::sqrt(ratio),
                                     nested ? kFastestRateAtFirst : kFastestRate);
        if (!(rate < 1.0)) return std::numeric_limits<double>::infinity();
        const double reduced = now == 1 ? rate : rate * rate;
        return reduced / (1.0 - reduced) * (rate < kSlowRate ? z : 2.0 * z);
    }
};

}  // namespace

ScreenedPoisson::ScreenedPoisson(std::vector<Axis> axes, double scale,
                                 std::vector<Index> coefficient)
    : levels_(std::move(axes), scale), coefficient_(std::move(coefficient)) {
    for (const Axis& x : levels_[0].axes) unknowns_ *= x.cells() - 1;
}

ScreenedPoisson::Workspace ScreenedPoisson::workspace() const {
    Workspace w;
    w.cycle = levels_.workspace();
    w.u = zeros(levels_[0].size());
    w.sums.resize(static_cast<std::size_t>(2 * levels_[0].slabs * kLanes));
    return w;
}

void ScreenedPoisson::set(const Block& c, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    w.c = c.data();
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            w.cycle[0].rhs.middleRows(at, count) =
                c.middleRows(coefficient_[inside / count], count).cast<float>();
        });
    });
    PoissonCycle{levels_, w.cycle}.set();
}

void ScreenedPoisson::solve(Block& x, const Vector* guess, const Lanes& unit, double tolerance,
                            int max_cycles, Workspace& w) const {
    const PoissonLevel& g = levels_[0];
    const PoissonCycle cycle{levels_, w.cycle};
    Lanes active = Lanes::Ones(), failed = Lanes::Zero();
    Refinement refinement{cycle.pass(0), coefficient_.data(), w.c,           x.data(),
                          w.u.data(),    active.data(),       w.sums.data(), !guess};
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            if (guess)
                for (Index k = 0; k < count; ++k) w.u.row(at + k) = unit * (*guess)[inside + k];
            else
                w.cycle[0].rhs.middleRows(at, count) = x.middleRows(inside, count).cast<float>();
        });
    });
    if (guess) sweep(g, 1, [&](const SlabRange& r) { residual_slabs(refinement, r); });

    w.cycles = Lanes::Zero();
    ErrorEstimate error;
    begin_nested_iteration(cycle);
    for (int done = 0, round = 0;; ++round) {
        const int cycles = round == 1 || round == 2 ? 2 : 1;
        if (cycles == 2 && cycle.bottom() > 0) {
            cycle.up_and_down(0);
            v_cycle(cycle, 1);
        }
        // Where this is unlikely to be the end, the next cycle begins at once.
        const bool more = round == 0 || (round == 1 && !guess);
        if (more)
            sweep(g, 8, [&](const SlabRange& r) { turn_and_refine_slabs(refinement, r); });
        else
            sweep(g, 4, [&](const SlabRange& r) { up_and_correct_slabs(refinement, r); });
        refinement.fresh = false;
        done += cycles;
        Lanes zz = Lanes::Zero(), uu = Lanes::Zero();
        for (Index i = 1; i + 1 < g.slabs; ++i) {
            zz += Eigen::Map<const Lanes>(w.sums.data() + 2 * i * kLanes);
            uu += Eigen::Map<const Lanes>(w.sums.data() + (2 * i + 1) * kLanes);
        }
        w.cycles += cycles * active;
        for (Index lane = 0; lane < kLanes; ++lane) {
            if (active[lane] == 0.0) continue;
            const double z = std::sqrt(zz[lane]), u = std::sqrt(uu[lane]);
            // f beyond the range of single precision leaves nothing to correct.
            const bool solved = z == 0.0 ? u > 0.0 || (x.col(lane) == 0.0).all()
                                         : error.left(lane, z, cycles) <= tolerance * u;
            error.previous[lane] = z;
            if (solved)
                active[lane] = 0.0;
            else if (!(u < std::numeric_limits<double>::infinity()) || done >= max_cycles) {
                active[lane] = 0.0;
                failed[lane] = std::numeric_limits<double>::quiet_NaN();
            }
        }
        if ((active == 0.0).all()) break;
        error.cycles = cycles;
        error.nested = round == 0;
        if (!more) sweep(g, 4, [&](const SlabRange& r) { residual_and_down_slabs(refinement, r); });
        cycle.bottom() > 0 ? v_cycle(cycle, 1) : cycle.solve_coarsest();
    }
    for_slabs(g, [&](Index begin, Index end) {
        for_inner_lines(g, begin, end, [&](Index at, Index inside, Index count) {
            for (Index k = 0; k < count; ++k) x.row(inside + k) = w.u.row(at + k) + failed;
        });
    });
}

}  // namespace m4dl
