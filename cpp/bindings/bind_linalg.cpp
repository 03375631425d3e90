// Sparse matrices, and the pieces of linear algebra that priors, tests and benchmarks use on their own.
#include "arrays.hpp"
#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/selected_inverse.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;

// Solves one sparse system per lane: values (kLanes, nonzeros of the lower triangle).
Array sparse_cholesky_solve(const Integers& row, const Integers& column, const Array& values,
                            const Array& rhs, const Array& coordinates) {
    require(values.ndim() == 2 && values.shape(0) == kLanes && values.shape(1) == row.size(),
            "values must have shape (", kLanes, ", ", row.size(), ")");
    require(rhs.ndim() == 2 && rhs.shape(0) == kLanes, "rhs must have ", kLanes, " rows");
    const Index size = rhs.shape(1);
    LowerPattern pattern;
    Block a, x, scratch;
    for (Index lane = 0; lane < kLanes; ++lane) {
        const Array own(row.size(), values.data(lane, 0));
        LowerMatrix matrix = lower_matrix(size, Triplets{size, size, row, column, own}.entries());
        a.resize(matrix.pattern.nonzeros(), kLanes);
        a.col(lane) = matrix.values.array();
        pattern = std::move(matrix.pattern);
    }
    load_lanes(rhs, 0, kLanes, x);
    Cholesky<kLanes> factor(std::make_shared<Symbolic>(analyse(pattern, to_matrix(coordinates))));
    factor.factor(a.data());
    factor.solve(x, scratch);
    Array out({kLanes, size});
    store_lanes(x, 0, kLanes, out.mutable_data());
    return out;
}

// Transforms the middle axis of a field (rows, outer * n * inner); rows become lanes, one block after
// another with all threads inside.
Array line_transform(const Array& fields, const std::string& basis, bool to_values, Index outer,
                     Index n, Index inner, int threads) {
    const LineTransform transform(to_basis(basis), n);
    require(outer > 0 && inner > 0, "outer and inner must be positive, got ", outer, " and ",
            inner);
    const Index rows = batch_rows("fields", fields, outer * n * inner);
    Array out({rows, fields.shape(1)});
    over_lanes(
        rows, {&fields}, {&out}, threads,
        [&](Index, Index, const auto& in, auto& to) {
            Block& x = to[0];
            x = in[0];
            Block buffer = Block::Zero(transform.buffer_rows(x.rows()), kLanes);
            transform.apply(to_values ? Direction::kToValues : Direction::kToCoefficients,
                            {x.data(), x.data(), outer, inner}, {}, buffer);
        },
        Threads::kInsideBlocks);
    return out;
}

}  // namespace

void bind_linalg(py::module_& m) {
    py::class_<Triplets>(m, "Triplets")
        .def(py::init([](Index rows, Index columns, Integers row, Integers column, Array value) {
                 return Triplets{rows, columns, std::move(row), std::move(column),
                                 std::move(value)};
             }),
             "rows"_a, "columns"_a, py::kw_only(), "row"_a, "column"_a, "value"_a,
             "A sparse matrix of this shape by its entries.");
    py::class_<SelectedInverse>(m, "SelectedInverse")
        .def(py::init([](const Triplets& matrix, const Array& coordinates, const Array& mass,
                         Index power) {
                 const LowerMatrix a = lower_matrix(mass.size(), matrix.entries());
                 return SelectedInverse(a.pattern, a.values, to_matrix(coordinates),
                                        to_vector(mass), power);
             }),
             "matrix"_a, py::kw_only(), "coordinates"_a, "mass"_a, "power"_a)
        .def_property_readonly("work", &SelectedInverse::work)
        .def_property_readonly("left", &SelectedInverse::left)
        .def("advance", &SelectedInverse::advance, "work"_a,
             py::call_guard<py::gil_scoped_release>())
        .def("diagonal", [](const SelectedInverse& s) { return to_array(s.diagonal()); });
    m.def(
        "sparse_log_determinant",
        [](const Triplets& matrix, const Array& coordinates) {
            const LowerMatrix a = lower_matrix(matrix.rows, matrix.entries());
            const auto symbolic =
                std::make_shared<Symbolic>(analyse(a.pattern, to_matrix(coordinates)));
            Cholesky<1> factor(symbolic);
            factor.factor(a.values.data());
            return factor.log_determinant()[0];
        },
        "matrix"_a, py::kw_only(), "coordinates"_a,
        "Of the lower triangle of A; NaN where A is not positive definite.");
    m.def("sparse_cholesky_solve", &sparse_cholesky_solve, "row"_a, "column"_a, "values"_a, "rhs"_a,
          py::kw_only(), "coordinates"_a);
    m.def("line_transform", &line_transform, "fields"_a, py::kw_only(), "basis"_a, "to_values"_a,
          "outer"_a, "n"_a, "inner"_a, "threads"_a = 1);
}

}  // namespace m4dl::bind
