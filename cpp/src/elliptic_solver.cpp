#include "m4dl/solve/elliptic_solver.hpp"

#include "m4dl/base/parallel.hpp"

namespace m4dl {
namespace {

using Kind = SolverOptions::Kind;

// Unknowns from which an iterative solver is the faster one, by measurement.
Index multigrid_from(const BoxProblem& box) {
    const bool plane = box.axes.size() == 2;
    if (box.kind == BoxProblem::Kind::kPotential) return plane ? 20 * 20 : 6 * 6 * 6;
    return plane ? 40 * 40 : 9 * 9 * 9;
}
constexpr Index kOthersFrom = 40 * 40;

// Multigrid on boxes; elsewhere aggregation in space, where factors are dear; in the plane the frozen
// factor where only lower-order terms vary, so that the factor of one state suits all the others; the
// direct solver for the rest.
Kind automatic(const AffineOperator& a, const Matrix& coordinates,
               const std::optional<BoxProblem>& box) {
    if (box && a.size() >= multigrid_from(*box)) return Kind::kMultigrid;
    if (a.size() < kOthersFrom) return Kind::kDirect;
    if (!box && coordinates.cols() == 3) return Kind::kAggregation;
    return a.varies_on_diagonal_only() ? Kind::kFrozen : Kind::kDirect;
}

// On a box, where multigrid does not see whether A(c) is definite: aggregation at the reference, or,
// where A is not positive definite there, at c = 1.
std::shared_ptr<const EllipticSolver> careful_solver(const SharedOperator& a,
                                                     const Vector& reference, Definite definite,
                                                     const SolverOptions& options) {
    auto solver = aggregation_solver(a, reference, definite, options.tolerance);
    return solver
               ? solver
               : aggregation_solver(a, Vector::Ones(a->parameters()), definite, options.tolerance);
}

}  // namespace

Lanes doubtful(Definite definite, const Block& c) {
    if (definite == Definite::kAlways) return Lanes::Zero();
    if (definite == Definite::kUnknown) return Lanes::Ones();
    return sum_rows(c.rows(),
                    [&](Index k) -> Lanes { return (c.row(k) > 0.0).select(Lanes::Zero(), 1.0); })
        .min(1.0);
}

std::shared_ptr<const EllipticSolver> make_solver(SharedOperator a, const Matrix& coordinates,
                                                  const std::optional<BoxProblem>& box,
                                                  const SolverOptions& options,
                                                  const Vector& reference, Definite definite) {
    require(options.tolerance >= 1e-12 && options.tolerance <= 1e-3,
            "tolerance must lie between 1e-12 and 1e-3, got ", options.tolerance);
    const bool automatically = options.kind == Kind::kAutomatic;
    const Kind kind = automatically ? automatic(*a, coordinates, box) : options.kind;
    if (kind == Kind::kMultigrid) {
        require(
            box.has_value(),
            "solver='multigrid' needs a Grid in two or three dimensions with at least two cells "
            "along each axis");
        auto fast = multigrid_solver(*box, options.tolerance);
        if (definite == Definite::kAlways) return fast;
        return guarded_solver(std::move(fast), careful_solver(a, reference, definite, options),
                              definite);
    }
    std::shared_ptr<const EllipticSolver> solver;
    if (kind == Kind::kFrozen)
        solver = frozen_solver(a, coordinates, reference, definite, options.tolerance);
    if (kind == Kind::kAggregation)
        solver = aggregation_solver(a, reference, definite, options.tolerance);
    require(solver || automatically || kind == Kind::kDirect, "solver='",
            kind == Kind::kFrozen ? "frozen" : "aggregation",
            "' needs a positive definite matrix at theta = 0");
    return solver ? solver : direct_solver(std::move(a), coordinates);
}

}  // namespace m4dl
