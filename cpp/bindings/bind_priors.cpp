// Priors: maps of white noise.
#include "arrays.hpp"
#include "m4dl/fem/grid.hpp"
#include "m4dl/prior/any.hpp"
#include "m4dl/prior/gaussian.hpp"
#include "m4dl/prior/interpolated.hpp"
#include "m4dl/prior/series.hpp"
#include "m4dl/prior/sparse.hpp"
#include "m4dl/prior/spectral.hpp"
#include "m4dl/prior/vector.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;

template <class P, class... Args>
AnyPrior make(Args&&... args) {
    return AnyPrior(std::make_shared<const P>(std::forward<Args>(args)...));
}

Array push(const AnyPrior& prior, const Array& xi, int threads) {
    const Index rows = batch_rows("xi", xi, prior.white());
    Array out({rows, prior.parameters()});
    over_lanes(rows, {&xi}, {&out}, threads,
               [&](Index, Index, const auto& in, auto& to) { prior.work()->push(in[0], to[0]); });
    return out;
}

// T'(xi)* of a direction (adjoint) or T'(xi) of one, row by row.
Array derivative(const AnyPrior& prior, const Array& xi, const Array& direction, bool adjoint,
                 int threads) {
    const Index rows = batch_rows("xi", xi, prior.white());
    const Index size = adjoint ? prior.parameters() : prior.white();
    require(batch_rows("direction", direction, size) == rows, "both arguments must have ", rows,
            " rows");
    Array out({rows, adjoint ? prior.white() : prior.parameters()});
    over_lanes(rows, {&xi, &direction}, {&out}, threads,
               [&](Index, Index, const auto& in, auto& to) {
                   const auto work = prior.work();
                   Block theta = Block::Zero(prior.parameters(), kLanes);
                   work->push(in[0], theta);
                   if (adjoint)
                       work->pull(in[1], to[0]);
                   else
                       work->tangent(in[1], to[0]);
               });
    return out;
}

}  // namespace

void bind_priors(py::module_& m) {
    py::class_<AnyPrior>(m, "Prior")
        .def_property_readonly("white", &AnyPrior::white)
        .def_property_readonly("parameters", &AnyPrior::parameters)
        .def("push", &push, "xi"_a, "threads"_a = 0)
        .def(
            "pull",
            [](const AnyPrior& prior, const Array& xi, const Array& dtheta, int threads) {
                return derivative(prior, xi, dtheta, true, threads);
            },
            "xi"_a, "dtheta"_a, "threads"_a = 0)
        .def(
            "tangent",
            [](const AnyPrior& prior, const Array& xi, const Array& dxi, int threads) {
                return derivative(prior, xi, dxi, false, threads);
            },
            "xi"_a, "dxi"_a, "threads"_a = 0);

    m.def(
        "dense_prior",
        [](const Array& mean, const Array& factor) {
            return make<DensePrior>(to_vector(mean), to_matrix(factor));
        },
        "mean"_a, "factor"_a);
    m.def(
        "diagonal_prior",
        [](const Array& mean, const Array& std) {
            return make<DiagonalPrior>(to_vector(mean), to_vector(std));
        },
        "mean"_a, "std"_a);
    m.def(
        "series_prior",
        [](const std::vector<Array>& basis, const Integers& mode, const Array& std,
           const Array& mean) {
            std::vector<Matrix> axes;
            for (const Array& b : basis) axes.push_back(to_matrix(b));
            return make<SeriesPrior>(std::move(axes), to_indices(mode), to_vector(std),
                                     to_vector(mean));
        },
        "basis"_a, "mode"_a, py::kw_only(), "std"_a, "mean"_a);
    m.def(
        "sparse_prior",
        [](const Triplets& matrix, const std::optional<Triplets>& noise, const Array& coordinates,
           const Array& mass, Index repeats, const Array& scale, const Array& mean) {
            const LowerMatrix a = lower_matrix(mean.size(), matrix.entries());
            std::optional<SparseRows> d;
            if (noise) d = noise->compressed();
            return make<SparsePrior>(a.pattern, a.values, to_matrix(coordinates), std::move(d),
                                     to_vector(mass), repeats, to_vector(scale), to_vector(mean));
        },
        "matrix"_a, py::kw_only(), "noise"_a, "coordinates"_a, "mass"_a, "repeats"_a, "scale"_a,
        "mean"_a, "The lower triangle of A, and D; no D asks for the half power.");
    m.def(
        "interpolated_prior",
        [](const AnyPrior& prior, const Grid& grid, const Array& points) {
            std::vector<Entry> entries;
            Index row = 0;
            for (const Weights& weights : grid.interpolate(to_matrix(points))) {
                for (const auto& [node, weight] : weights) entries.push_back({row, node, weight});
                ++row;
            }
            return make<InterpolatedPrior>(prior,
                                           SparseRows(row, grid.node_count(), std::move(entries)));
        },
        "prior"_a, "grid"_a, "points"_a);
    m.def(
        "spectral_prior",
        [](const std::vector<Index>& shape, const std::string& basis, const Array& spectrum,
           const Array& scale, const Array& mean) {
            return make<SpectralPrior>(shape, std::vector<Basis>(shape.size(), to_basis(basis)),
                                       to_vector(spectrum), to_vector(scale), to_vector(mean));
        },
        "shape"_a, "basis"_a, py::kw_only(), "spectrum"_a, "scale"_a, "mean"_a);
    m.def(
        "vector_prior",
        [](std::vector<AnyPrior> priors, const Array& mixing) {
            return make<VectorPrior>(std::move(priors), to_matrix(mixing));
        },
        "priors"_a, "mixing"_a, "mixing: (components, priors).");
}

}  // namespace m4dl::bind
