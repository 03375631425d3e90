#include "m4dl/model/elliptic_solver.hpp"

namespace m4dl {
namespace {

using Kind = SolverOptions::Kind;

// Unknowns from which an iterative solver is the faster one, by measurement.
constexpr Index kPotentialFrom = 20 * 20, kDiffusionFrom = 40 * 40, kFrozenFrom = 40 * 40;

bool only_diagonal_varies(const AffineOperator& a) {
    for (const auto& [entry, row, column] : a.varying())
        if (row != column) return false;
    return true;
}

// Multigrid on boxes; the frozen factor where only lower-order terms vary, so that a factor of one
// state suits all the others; the direct solver for the rest.
Kind automatic(const AffineOperator& a, const std::optional<BoxProblem>& box) {
    if (box &&
        a.size() >= (box->kind == BoxProblem::Kind::kPotential ? kPotentialFrom : kDiffusionFrom))
        return Kind::kMultigrid;
    if (only_diagonal_varies(a) && a.size() >= kFrozenFrom) return Kind::kFrozen;
    return Kind::kDirect;
}

}  // namespace

std::shared_ptr<const EllipticSolver> make_solver(SharedOperator a, const Matrix& coordinates,
                                                  const std::optional<BoxProblem>& box,
                                                  const SolverOptions& options,
                                                  const Vector& reference) {
    require(options.tolerance >= 1e-12 && options.tolerance <= 1e-3,
            "tolerance must lie between 1e-12 and 1e-3, got ", options.tolerance);
    switch (options.kind == Kind::kAutomatic ? automatic(*a, box) : options.kind) {
        case Kind::kMultigrid:
            require(box.has_value(),
                    "solver='multigrid' needs a Grid in two or three dimensions with at least two "
                    "cells along each axis");
            return multigrid_solver(*box, options.tolerance);
        case Kind::kFrozen:
            return frozen_solver(std::move(a), coordinates, reference, options.tolerance);
        default: return direct_solver(std::move(a), coordinates);
    }
}

}  // namespace m4dl
