mod forms;
mod labels;
mod page;
mod table;
mod values;
