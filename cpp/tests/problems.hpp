// Models, priors and references of the tests that run kernels, on any grid.
#pragma once

#include "m4dl/bayes/reference.hpp"
#include "m4dl/model/darcy.hpp"
#include "m4dl/model/schrodinger.hpp"
#include "m4dl/prior/gaussian.hpp"
#include "m4dl/prior/series.hpp"
#include "m4dl/prior/sparse.hpp"
#include "m4dl/prior/spectral.hpp"
#include "m4dl/prior/vector.hpp"

namespace m4dl::problems {

inline Grid square(Index cells) { return {{cells, cells}, {0.0, 0.0}, {1.0, 1.0}}; }
inline Grid cube(Index cells) { return {{cells, cells, cells}, {0.0, 0.0, 0.0}, {1.0, 1.0, 1.0}}; }

// Three points of the unit square or cube.
inline Matrix points(const Grid& grid) {
    Matrix x(3, 3);
    x << 0.3, 0.4, 0.6, 0.5, 0.51, 0.2, 0.77, 0.2, 0.45;
    return x.leftCols(grid.dim());
}

// Of theta at the nodes.
inline AnyModel schrodinger(const Grid& grid, const SolverOptions& options = {}) {
    const Vector ones = Vector::Ones(grid.node_count());
    return AnyModel(
        std::make_shared<const Schrodinger>(grid, points(grid), ones, true, Link{}, options));
}
inline AnyModel darcy(const Grid& grid, const SolverOptions& options = {}) {
    const Vector ones = Vector::Ones(grid.node_count());
    return AnyModel(std::make_shared<const Darcy>(grid, points(grid), ones, Vector(0.0 * ones),
                                                  Darcy::on_nodes(grid), Link{}, options));
}

inline AnyPrior diagonal_prior(Index size) {
    const Vector ones = Vector::Ones(size);
    return AnyPrior(std::make_shared<const DiagonalPrior>(ones, ones));
}
// A = I, by half a factor or with D = I.
inline AnyPrior sparse_prior(Index size, bool half) {
    const LowerPattern pattern = make_pattern(size, {});
    const Vector ones = Vector::Ones(size);
    std::optional<SparseRows> noise;
    std::vector<Entry> entries;
    for (Index k = 0; k < size; ++k) entries.push_back({k, k, 1.0});
    if (!half) noise = SparseRows(size, size, entries);
    return AnyPrior(std::make_shared<const SparsePrior>(pattern, ones, Matrix(), noise, ones,
                                                        Index{1}, ones, Vector(0.1 * ones)));
}
inline AnyPrior spectral_prior(Index nodes_along_an_axis) {
    const Index n = nodes_along_an_axis;
    const Vector ones = Vector::Ones(n * n);
    return AnyPrior(std::make_shared<const SpectralPrior>(
        std::vector<Index>{n, n}, std::vector<Basis>{Basis::kDct1, Basis::kDct2}, ones, ones,
        ones));
}

// One of each kind, for theta at the nodes of a square.
inline std::vector<AnyPrior> priors(const Grid& grid) {
    const Index nodes = grid.node_count(), n = grid.cells[0] + 1;
    const Vector ones = Vector::Ones(nodes);
    const Matrix basis = Matrix::Random(n, 4), mixing = Matrix::Constant(1, 2, 0.5);
    return {
        sparse_prior(nodes, true),
        sparse_prior(nodes, false),
        spectral_prior(n),
        diagonal_prior(nodes),
        AnyPrior(std::make_shared<const DensePrior>(ones, Matrix(0.1 * Matrix::Random(nodes, 9)))),
        AnyPrior(std::make_shared<const SeriesPrior>(
            std::vector<Matrix>{basis, basis}, std::vector<Index>{0, 3, 5}, Vector::Ones(3), ones)),
        AnyPrior(std::make_shared<const VectorPrior>(
            std::vector<AnyPrior>{sparse_prior(nodes, true), sparse_prior(nodes, false)}, mixing))};
}

using SharedReference = std::shared_ptr<const Reference>;

// None, a diagonal one, and one of rank 3.
inline std::vector<SharedReference> references(Index white) {
    return {nullptr, std::make_shared<const Reference>(Vector::Ones(white)),
            std::make_shared<const Reference>(Vector::Zero(white), Matrix::Identity(white, 3),
                                              0.5 * Vector::Ones(3))};
}

}  // namespace m4dl::problems
