#include "m4dl/model/elliptic_solver.hpp"

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

}  // namespace

std::shared_ptr<const EllipticSolver> make_solver(SharedOperator a, const Matrix& coordinates,
                                                  const std::optional<BoxProblem>& box,
                                                  const SolverOptions& options,
                                                  const Vector& reference) {
    require(options.tolerance >= 1e-12 && options.tolerance <= 1e-3,
            "tolerance must lie between 1e-12 and 1e-3, got ", options.tolerance);
    const bool automatically = options.kind == Kind::kAutomatic;
    const Kind kind = automatically ? automatic(*a, coordinates, box) : options.kind;
    if (kind == Kind::kMultigrid) {
        require(
            box.has_value(),
            "solver='multigrid' needs a Grid in two or three dimensions with at least two cells "
            "along each axis");
        return multigrid_solver(*box, options.tolerance);
    }
    std::shared_ptr<const EllipticSolver> solver;
    if (kind == Kind::kFrozen) solver = frozen_solver(a, coordinates, reference, options.tolerance);
    if (kind == Kind::kAggregation) solver = aggregation_solver(a, reference, options.tolerance);
    require(solver || automatically || kind == Kind::kDirect, "solver='",
            kind == Kind::kFrozen ? "frozen" : "aggregation",
            "' needs a positive definite matrix at theta = 0");
    return solver ? solver : direct_solver(std::move(a), coordinates);
}

}  // namespace m4dl
