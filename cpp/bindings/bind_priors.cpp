// Priors: maps of white noise.
#include "arrays.hpp"
#include "m4dl/fem/grid.hpp"
#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/selected_inverse.hpp"
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
    double* to = out.mutable_data();
    for_lanes(rows, threads, [&](Index first, Index count) {
        auto work = prior.work();
        Block x, theta = Block::Zero(prior.parameters(), kLanes);
        load_lanes(xi, first, count, x);
        work->push(x, theta);
        store_lanes(theta, first, count, to);
    });
    return out;
}

Array derivative(const AnyPrior& prior, const Array& xi, const Array& direction, bool adjoint,
                 int threads) {
    const Index rows = batch_rows("xi", xi, prior.white());
    const Index in = adjoint ? prior.parameters() : prior.white();
    const Index size = adjoint ? prior.white() : prior.parameters();
    require(batch_rows("direction", direction, in) == rows, "both arguments must have ", rows,
            " rows");
    Array out({rows, size});
    double* to = out.mutable_data();
    for_lanes(rows, threads, [&](Index first, Index count) {
        auto work = prior.work();
        Block x, d, theta = Block::Zero(prior.parameters(), kLanes),
                    result = Block::Zero(size, kLanes);
        load_lanes(xi, first, count, x);
        load_lanes(direction, first, count, d);
        work->push(x, theta);
        if (adjoint)
            work->pull(d, result);
        else
            work->tangent(d, result);
        store_lanes(result, first, count, to);
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
        "basis"_a, "mode"_a, "std"_a, "mean"_a);
    m.def(
        "sparse_prior",
        [](const Integers& a_row, const Integers& a_column, const Array& a_value,
           const Array& coordinates, Index white, const Integers& d_row, const Integers& d_column,
           const Array& d_value, const Array& mass, Index repeats, const Array& scale,
           const Array& mean) {
            const Index n = mean.size();
            const LowerMatrix a = lower_matrix(n, to_entries(a_row, a_column, a_value));
            std::optional<SparseRows> noise;
            if (white > 0) noise = SparseRows(n, white, to_entries(d_row, d_column, d_value));
            return make<SparsePrior>(a.pattern, a.values, to_matrix(coordinates), std::move(noise),
                                     to_vector(mass), repeats, to_vector(scale), to_vector(mean));
        },
        "a_row"_a, "a_column"_a, "a_value"_a, "coordinates"_a, "white"_a, "d_row"_a, "d_column"_a,
        "d_value"_a, "mass"_a, "repeats"_a, "scale"_a, "mean"_a,
        "The lower triangle of A; white = 0 asks for the half power.");
    py::class_<SelectedInverse>(m, "SelectedInverse")
        .def(py::init([](const Integers& a_row, const Integers& a_column, const Array& a_value,
                         const Array& coordinates, const Array& mass, Index power) {
                 const LowerMatrix a =
                     lower_matrix(mass.size(), to_entries(a_row, a_column, a_value));
                 return SelectedInverse(a.pattern, a.values, to_matrix(coordinates),
                                        to_vector(mass), power);
             }),
             "a_row"_a, "a_column"_a, "a_value"_a, "coordinates"_a, "mass"_a, "power"_a)
        .def_property_readonly("work", &SelectedInverse::work)
        .def_property_readonly("left", &SelectedInverse::left)
        .def("advance", &SelectedInverse::advance, "work"_a,
             py::call_guard<py::gil_scoped_release>())
        .def("diagonal", [](const SelectedInverse& s) { return to_array(s.diagonal()); });
    m.def(
        "sparse_log_determinant",
        [](Index n, const Integers& a_row, const Integers& a_column, const Array& a_value,
           const Array& coordinates) {
            const LowerMatrix a = lower_matrix(n, to_entries(a_row, a_column, a_value));
            const auto symbolic =
                std::make_shared<Symbolic>(analyse(a.pattern, to_matrix(coordinates)));
            Cholesky<1> factor(symbolic);
            factor.factor(a.values.data());
            return factor.log_determinant()[0];
        },
        "n"_a, "a_row"_a, "a_column"_a, "a_value"_a, "coordinates"_a,
        "Of the lower triangle of A; NaN where A is not positive definite.");
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
        "shape"_a, "basis"_a, "spectrum"_a, "scale"_a, "mean"_a);
    m.def(
        "vector_prior",
        [](std::vector<AnyPrior> priors, const Array& mixing) {
            return make<VectorPrior>(std::move(priors), to_matrix(mixing));
        },
        "priors"_a, "mixing"_a, "mixing: (components, priors).");
}

}  // namespace m4dl::bind
